"""The command line: nouns and verbs over the HTTP API, for people and scripts."""
