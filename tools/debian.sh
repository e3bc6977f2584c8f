#!/usr/bin/env bash
# Installs what debian.txt lists and this machine lacks: what samples in PHP and Ruby run with in tests.
set -euo pipefail
cd "$(dirname "$0")"
missing=()
while read -r name; do
  dpkg-query --show --showformat '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
done < debian.txt
if ((${#missing[@]} == 0)); then exit 0; fi
if ! command -v apt-get >/dev/null || ((EUID != 0)); then
  echo "Tests of samples in PHP and Ruby are left out here. They need ${missing[*]}: \`make debian\` as root, on Debian."
  exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}" >/dev/null
