#!/bin/bash
# A cluster of Slurm on this machine alone: slurmctld and NODES slurmd on loopback, from the packages slurm-wlm and munge.
# It calibrates, searches, learns blocks and sweeps in an array and in one run, kills a task of each array, shows that the
# merge names the shard that is lost, submits that task again, merges, and compares the bytes: of a search and of blocks those
# of the model that comes of what was merged.
#
#     bench/slurm/run.sh MODEL.onnx SAMPLES.npy [FLAGS of the samples …]
#
# It is to be run as root, since munged and slurmd need users of their own; everything is below one temporary folder, and
# ends with it. NODES (4), SHARDS (4), AXES of the sweep, LEARN, the refiners, and AGREEMENT of the search (90%) can be set.
set -euo pipefail
model=$(realpath "$1"); samples=$(realpath "$2"); shift 2
flags=("$@")
nodes=${NODES:-4}; shards=${SHARDS:-4}
read -r -a axes <<<"${AXES:---schemes minmax,mse,kmeans,log --bits 4,8 --act-bits 8 --refine none}"
quantize=$(realpath "$(dirname "$0")/../../bin/quantize")
work=$(mktemp -d /tmp/quantize-slurm-XXXXXX)
export SLURM_CONF=$work/slurm.conf
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
say() { printf '\n== %s\n' "$*"; }
clock() { date +%s.%N; }
took() { awk "BEGIN { printf \"%.1f s\\n\", $(clock) - $1 }"; }

say "a cluster of $nodes nodes on loopback: $(slurmctld -V), $(nproc) cores in all"
mkdir -m 755 "$work"/{state,log,spool,munge,job}; chmod 755 "$work"
dd if=/dev/urandom of="$work/munge.key" bs=1024 count=1 status=none
chown -R munge: "$work/munge" "$work/munge.key"; chmod 400 "$work/munge.key"; chmod 755 "$work/munge"
runuser -u munge -- munged --foreground --force --key-file="$work/munge.key" --socket="$work/munge/munge.socket" \
  --pid-file="$work/munge/pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed" >"$work/log/munged" 2>&1 & pids+=($!)
host=$(hostname -s)
cat >"$work/slurm.conf" <<END
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/munge
AuthInfo=socket=$work/munge/munge.socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool/%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.%n.pid
SlurmctldLogFile=$work/log/slurmctld
SlurmdLogFile=$work/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1
MpiDefault=none
SwitchType=switch/none
JobRequeue=0
ReturnToService=2
NodeName=node[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-$((17000 + nodes))] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP
END
slurmctld -D >"$work/log/out" 2>&1 & pids+=($!)
for n in $(seq "$nodes"); do
  mkdir -p "$work/spool/node$n"; slurmd -D -N "node$n" & pids+=($!)
done >/dev/null 2>&1
for _ in $(seq 60); do [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = "$nodes" ] && break; sleep 1; done
sinfo -N -o '%N %T %c'

cd "$work/job"; cp "$model" model.onnx
# One run for one command of an array; waits for all tasks. $1: shards to run, $2: name, then the command.
submit() {
  local array=$1 name=$2; shift 2
  QUANTIZE_SHARD_COUNT=$shards sbatch --parsable --job-name="$name" --array="$array" --output="$name-%a.log" \
    --cpus-per-task=1 --wrap "$(printf '%q ' "$@")"
}
await() { while squeue -h -j "$1" -o %i 2>/dev/null | grep -q .; do sleep 0.5; done; }
states() { # what became of each task
  scontrol show job "$1" | awk '/ArrayTaskId=/ { match($0, /ArrayTaskId=[0-9]+/); task = substr($0, RSTART, RLENGTH) } /JobState=/ { print "  " task, $1 }' | sort -u
}
# Kill one task of an array as soon as it runs, wait for the others. $1: job, $2: task
lose() {
  until [ "$(squeue -h -j "$1_$2" -o %t 2>/dev/null)" = R ]; do sleep 0.1; done
  scancel --signal=KILL --full "$1_$2"
  await "$1"
}

run_one() { # $1: name, $2: the file that it writes, then the command
  local name=$1 whole=$2; shift 2
  say "$name, one run"
  local start; start=$(clock)
  "$@" -o "whole.$whole" >/dev/null || [ $? = 1 ]; echo "  $(took "$start")"
}
run_array() { # $1: name, $2: the merged file, $3: pattern of shards, then the command
  local name=$1 whole=$2 pattern=$3 start; shift 3
  say "$name, an array of $shards tasks; task 2 is killed"
  start=$(clock)
  local job; job=$(submit "1-$shards" "$name" "$@" --shard auto)
  lose "$job" 2; echo "  $(took "$start")"; states "$job"
  say "the merge names what is lost"
  # shellcheck disable=SC2086
  if "$quantize" merge $pattern -o "$whole"; then echo 'it merged what is not whole'; exit 1; fi
  say "task 2 again, alone: QUANTIZE_SHARD_COUNT=$shards sbatch --array=2"
  start=$(clock)
  job=$(submit 2 "$name" "$@" --shard auto); await "$job"; echo "  $(took "$start")"; states "$job"
  say "merge"
  start=$(clock)
  # shellcheck disable=SC2086
  "$quantize" merge $pattern -o "$whole" | tail -n 3; echo "  $(took "$start")"
}
same() { cmp "$1" "whole.$1" && echo "  $1: the bytes of one run ($(sha256sum <"$1" | cut -c1-16)…)"; }
run_both() { # $1: name, $2: the file's name in one run, $3: pattern of shards, then the command
  run_one "$1" "$2" "${@:4}"; run_array "$@"; same "$2"
}
run_both calibrate model.stats.json 'model.stats.*-of-*.json' \
  "$quantize" calibrate model.onnx --data "$samples" "${flags[@]}" --quiet
search=("$quantize" model.onnx --data "$samples" "${flags[@]}" --auto --min-agreement "${AGREEMENT:-90%}" --refine none --quiet)
run_one search found.onnx "${search[@]}"
run_array search model.sensitivity.json 'model.sensitivity.*-of-*.json' "${search[@]}"
say "the search on what was merged, and compare with one run"
start=$(clock)
"${search[@]}" --sensitivity model.sensitivity.json -o found.onnx >/dev/null || [ $? = 1 ]; echo "  $(took "$start")"
same found.onnx
learn=("$quantize" model.onnx --data "$samples" "${flags[@]}" --bits 4 --act-bits 4 --refine "${LEARN:-moments,reconstruct:inputs=start:steps=50}" --no-suggest --quiet)
run_one learn learned.onnx "${learn[@]}"
run_array learn model.learned.json 'model.learned.*-of-*.json' "${learn[@]}"
say "the run on blocks that were merged, and compare with one run"
start=$(clock)
"${learn[@]}" --learned model.learned.json -o learned.onnx >/dev/null; echo "  $(took "$start")"
same learned.onnx
run_both sweep model.sweep.json 'model.sweep.*-of-*.json' \
  "$quantize" sweep model.onnx --data "$samples" "${flags[@]}" "${axes[@]}" --quiet
