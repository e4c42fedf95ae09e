#!/usr/bin/env bash
# The fuse engine beside the raw loop device and qemu over one LUKS1 image in memory, with fio: ratios in one run, as Markdown.
#
#   bench/fuse.sh [--quick] [--device] [--rounds N] [--seconds N] [--size MiB] [--program FILE]
#
# --device leaves out the file systems. Rounds are interleaved (every target once a round), and each figure is the median of its rounds, so that what else the
# machine does falls on all targets alike. Needs root, /dev/fuse, loop devices, and fio, qemu-utils, cryptsetup-bin, jq.
set -euo pipefail

rounds=3 seconds=3 size=1024 program='' file_systems=(ext4 xfs)
while (($#)); do
    case $1 in
        --quick) rounds=1 seconds=1 size=512 ;;
        --device) file_systems=() ;;
        --rounds) rounds=$2 && shift ;;
        --seconds) seconds=$2 && shift ;;
        --size) size=$2 && shift ;;
        --program) program=$2 && shift ;;
        *) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit 1 ;;
    esac
    shift
done

cd "$(dirname "$0")/.."
for tool in fio qemu-storage-daemon cryptsetup losetup jq mkfs.ext4 mkfs.xfs; do
    command -v "$tool" >/dev/null || { echo "bench/fuse.sh: $tool is missing; apt-get install fio qemu-utils cryptsetup-bin mount jq e2fsprogs xfsprogs" >&2; exit 1; }
done
[[ $EUID == 0 && -e /dev/fuse && -e /dev/loop-control ]] || { echo "bench/fuse.sh: needs root, /dev/fuse and /dev/loop-control" >&2; exit 1; }
if [[ -z $program ]]; then
    program=$(cargo bench -q -p volume --bench fuse --no-run --message-format=json | jq -r 'select(.target.name == "fuse" and (.target.kind | index("bench"))) | .executable' | tail -1)
fi

work=$(mktemp -d /dev/shm/kluis-bench-XXXXXX)
declare -A device pid
cleanup() {
    trap - EXIT
    for target in "$work"/mnt/*; do ! mountpoint -q "$target" || umount "$target" || true; done
    for target in kluis kluis-4k; do "$program" close "$target" "$work/run" 2>/dev/null || true; done
    for target in raw qemu; do [[ -z ${device[$target]:-} ]] || losetup -d "${device[$target]}" || true; done
    if [[ -n ${pid[qemu]:-} ]]; then
        for _ in $(seq 50); do [[ -z $(losetup -j "$work/qemu-view" 2>/dev/null) ]] && break; sleep 0.1; done
        kill "${pid[qemu]}" 2>/dev/null || true
        wait "${pid[qemu]}" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# One LUKS1 image (the version that qemu opens) under a key that both sides are given; a copy for each, so that they can be open at once.
head -c 64 /dev/urandom >"$work/key"
printf bench >"$work/passphrase"
truncate -s "$((size + 2))M" "$work/luks"
cryptsetup luksFormat --batch-mode --type luks1 --cipher aes-xts-plain64 --key-size 512 --pbkdf-force-iterations 1000 \
    --volume-key-file "$work/key" --key-file "$work/passphrase" "$work/luks"
offset=$(($(od -An -tu4 --endian=big -j104 -N4 "$work/luks") * 512)) # LUKS1's payload-offset
cp --sparse=always "$work/luks" "$work/luks-qemu"
truncate -s "$((size + 2))M" "$work/raw" "$work/kluis-4k"
mkdir "$work/mnt" "$work/run"
touch "$work/qemu-view"

qemu-storage-daemon --object secret,id=s,file="$work/passphrase" \
    --blockdev driver=file,node-name=file,filename="$work/luks-qemu" --blockdev driver=luks,node-name=luks,file=file,key-secret=s \
    --export type=fuse,id=e,node-name=luks,mountpoint="$work/qemu-view",writable=on &
pid[qemu]=$!
for _ in $(seq 100); do [[ $(stat -c %s "$work/qemu-view") -gt 0 ]] && break; sleep 0.1; done

device[raw]=$(losetup --find --show --direct-io=on --sector-size 4096 "$work/raw")
device[qemu]=$(losetup --find --show --direct-io=on "$work/qemu-view")
device[kluis]=$("$program" open kluis "$work/luks" "$offset" 512 "$work/key" "$work/run")
device[kluis-4k]=$("$program" open kluis-4k "$work/kluis-4k" 1048576 4096 "$work/key" "$work/run")
pid[kluis]=$(<"$work/run/kluis/daemon")
pid[kluis-4k]=$(<"$work/run/kluis-4k/daemon")
targets=(raw qemu kluis kluis-4k)

# job NAME RW BLOCK_SIZE IN_FLIGHT UNIT
jobs=("sequential write, 1 MiB|write|1M|8|MB/s" "sequential read, 1 MiB|read|1M|8|MB/s" "random read, 4 KiB|randread|4k|16|k IOPS" "random write, 4 KiB|randwrite|4k|16|k IOPS")

# Nanoseconds of CPU that a process, all its threads, has had; 0 for the raw loop device, which has none.
cpu_ns() { [[ -n $1 ]] && cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{ sum += $1 } END { printf "%.0f", sum }' || echo 0; }

# Runs one job on a file; prints MB/s or thousands of I/Os a second, and the microseconds of CPU that the daemon spent on each I/O.
measure() { # FILE RW BLOCK_SIZE IN_FLIGHT MIB PID
    local before after report
    before=$(cpu_ns "$6")
    report=$(fio --name=job --filename="$1" --rw="$2" --bs="$3" --iodepth="$4" --ioengine=libaio --direct=1 --size="$5M" --time_based \
        --runtime="$seconds" --randrepeat=0 --norandommap --group_reporting --output-format=json)
    after=$(cpu_ns "$6")
    jq -r --arg rw "$2" --argjson ns "$((after - before))" \
        '.jobs[0] | (if $rw | endswith("write") then .write else .read end) | "\(if $rw | startswith("rand") then .iops / 1000 else .bw_bytes / 1e6 end) \($ns / 1000 / .total_ios)"' <<<"$report"
}

median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }

declare -A results costs
table() { # TITLE PATH_FUNCTION SIZE
    local title=$1 path=$2 span=$3 job target name rw bs depth unit round value cost
    for ((round = 0; round < rounds; round++)); do
        for job in "${jobs[@]}"; do
            IFS='|' read -r name rw bs depth unit <<<"$job"
            for target in "${targets[@]}"; do
                read -r value cost < <(measure "$($path "$target")" "$rw" "$bs" "$depth" "$span" "${pid[$target]:-}")
                results[$job,$target]+=" $value"
                costs[$job,$target]+=" $cost"
            done
        done
    done
    printf '\n### %s\n\n| | raw loop | qemu | kluis, same image | kluis, 4 KiB sectors | ÷ qemu | ÷ raw | 4 KiB: ÷ qemu | ÷ raw |\n|---|---|---|---|---|---|---|---|---|\n' "$title"
    for job in "${jobs[@]}"; do
        IFS='|' read -r name rw bs depth unit <<<"$job"
        local values=()
        for target in "${targets[@]}"; do
            # shellcheck disable=SC2086 # the figures of the rounds, as words
            values+=("$(median ${results[$job,$target]})")
        done
        awk -v name="$name ($unit)" -v r="${values[0]}" -v q="${values[1]}" -v k="${values[2]}" -v f="${values[3]}" \
            'BEGIN { printf "| %s | %.0f | %.0f | %.0f | %.0f | %.1f | %.2f | %.1f | %.2f |\n", name, r, q, k, f, k / q, k / r, f / q, f / r }'
    done
    printf '\nCPU of the daemon for each I/O, in microseconds, which other load on the machine disturbs little:\n\n| | qemu | kluis, same image | kluis, 4 KiB sectors |\n|---|---|---|---|\n'
    for job in "${jobs[@]}"; do
        # shellcheck disable=SC2086 # the figures of the rounds, as words
        printf '| %s | %.1f | %.1f | %.1f |\n' "${job%%|*}" "$(median ${costs[$job,qemu]})" "$(median ${costs[$job,kluis]})" "$(median ${costs[$job,kluis-4k]})"
    done
    results=() costs=()
}

block_device() { echo "${device[$1]}"; }
file_on() { echo "$work/mnt/$1/file"; }

# Every block written once, so that no target is measured on holes.
for target in "${targets[@]}"; do
    dd if=/dev/zero of="${device[$target]}" bs=1M oflag=direct status=none 2>/dev/null || true
done

echo "$(uname -r), $(nproc) × $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(date +%F); $rounds rounds of $seconds s, $size MiB; load $(cut -d' ' -f1 /proc/loadavg)"
table "The block device" block_device "$((size - 1))"

for kind in "${file_systems[@]}"; do
    for target in "${targets[@]}"; do
        mkdir -p "$work/mnt/$target"
        case $kind in
            ext4) mkfs.ext4 -q -F "${device[$target]}" ;;
            xfs) mkfs.xfs -q -f "${device[$target]}" ;;
        esac
        mount "${device[$target]}" "$work/mnt/$target"
        fio --name=fill --filename="$(file_on "$target")" --rw=write --bs=1M --size="$((size / 2))M" --direct=1 --output=/dev/null
    done
    table "A file on $kind" file_on "$((size / 2))"
    for target in "${targets[@]}"; do umount "$work/mnt/$target"; done
done
