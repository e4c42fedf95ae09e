#!/usr/bin/env bash
# Time from nothing to mounted at 2 GiB and at 2 TiB (sparse files, the fuse or dm-crypt engine, ephemeral keys), as Markdown.
#
#   bench/provision.sh PROGRAMS [ROUNDS]      PROGRAMS is the folder of kluis; needs root
set -euo pipefail
cd "$(dirname "$0")/.."
kluis=$(readlink -f "$1")/kluis
rounds=${2:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/kluis-bench-provision-XXXXXX")
config=$work/volumes.toml
clean_up() {
    trap - EXIT
    "$kluis" --quiet --config "$config" down >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
{
    printf '[agent]\nstate = "%s/state"\n' "$work"
    for size in 2GiB 2TiB; do
        for file_system in ext4 xfs; do
            name=bench-$size-$file_system
            printf '[volume."%s"]\nfile = "%s"\nsize = "%s"\nmount = "%s"\nfilesystem = "%s"\nkey = "ephemeral"\n' \
                "$name" "$work/$name.img" "$size" "$work/$name" "$file_system"
        done
    done
} >"$config"
for _ in $(seq "$rounds"); do
    for file_system in ext4 xfs; do
        for size in 2GiB 2TiB; do
            name=bench-$size-$file_system
            begin=$(date +%s%N)
            "$kluis" --quiet --config "$config" up "$name"
            echo "$name $((($(date +%s%N) - begin) / 1000000))"
            "$kluis" --quiet --config "$config" down "$name"
            rm -f "$work/$name.img"
        done
    done
done >"$work/times"
median() { awk -v name="$1" '$1 == name { print $2 }' "$work/times" | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
echo "| from nothing to mounted, median of $rounds | 2 GiB, ms | 2 TiB, ms | ratio |"
echo "|---|---|---|---|"
for file_system in ext4 xfs; do
    small=$(median "bench-2GiB-$file_system") large=$(median "bench-2TiB-$file_system")
    echo "| $file_system | $small | $large | $(awk "BEGIN { printf \"%.2f\", $large / $small }") |"
done
