#!/bin/sh
# Compares a final .config with what configuration files ask of it: Kconfig drops without a word
# what it does not know or whose menu is off. A later file may change what an earlier one asks.
# usage: asked.sh [-e EXCEPT] FINAL ASKED...
set -eu
except=
if [ "$1" = -e ]; then
	except=$2
	shift 2
fi
final=$1
shift
awk -v final="$final" -v except="$except" '
	function name(line) { sub(/^# /, "", line); sub(/[ =].*/, "", line); return line }
	function value(line) { return line ~ /^#/ ? "n" : substr(line, index(line, "=") + 1) }
	# An empty text, "no" and an absent line are the same.
	function plain(text) { return text == "" || text == "\"\"" ? "n" : text }
	/^(BR2|CONFIG)_[A-Za-z0-9_]*=/ || /^# (BR2|CONFIG)_[A-Za-z0-9_]* is not set$/ {
		if (FILENAME == final) { got[name($0)] = value($0) }
		else { asked[name($0)] = value($0); where[name($0)] = FILENAME ":" FNR }
	}
	END {
		for (it in asked) {
			if (it != except && plain(asked[it]) != plain(got[it])) {
				printf "%s: asked for %s=%s, got %s\n", where[it], it, asked[it], plain(got[it])
				bad = 1
			}
		}
		exit bad
	}' "$final" "$@"
