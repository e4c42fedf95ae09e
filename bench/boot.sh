#!/usr/bin/env bash
# Time to mounted on an existing volume in the kernel guest, `kluis up` beside the seed's lines, as Markdown.
#
#   bench/boot.sh PROGRAMS [ROUNDS]      PROGRAMS is the folder of kluis and kluisd
set -euo pipefail
cd "$(dirname "$0")/.."
programs=$(readlink -f "$1")
rounds=${2:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/kluis-bench-boot-XXXXXX")
trap 'rm -rf "$work"' EXIT
export KLUIS_RESULTS=$work
printf 'programs=%q\naws_cli=%q\nstory=%q\nrounds=%q\n' "$programs" "$PWD/.tools/aws-cli/bin" "$PWD/tests/seeds/002/story" "$rounds" >"$work/env"
tests/kernel/run -m 1500M -t 900 bench/boot-guest >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
median() { awk -v name="$1" '$1 == name { print $2 }' "$work/times" | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
token=$(median token) sealed=$(median sealed) seed=$(median seed)
echo "| to mounted on an existing volume, kernel guest, median of $rounds | ms | the seed's lines are slower by |"
echo "|---|---|---|"
echo "| the seed's losetup, aws s3 cp, aws kms decrypt, luksOpen, mount | $seed | |"
echo "| \`kluis up\`, the same kind of volume (secret in a bucket) | $sealed | $(awk "BEGIN { printf \"%.1f\", $seed / $sealed }") times |"
echo "| \`kluis up\`, secret in the header (token) | $token | $(awk "BEGIN { printf \"%.1f\", $seed / $token }") times |"
echo
echo "Largest resident set of \`kluis up\`: $(awk '{ printf "%.1f", $1 / 1024 }' "$work/memory") MiB."
