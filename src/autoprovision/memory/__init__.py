"""The ports in dictionaries, passing the same contract tests: the engine of simulations."""
