#!/usr/bin/env bash
# Trains every learned optimizer on the same small nets at equal gradients, and judges all of them beside hand-made ones:
#   benchmarks/learning_to_learn.sh [OUT] [SEEDS]
#   OUT     folder of the trainings and of the bench (default: out/learning-to-learn). What it holds is not made again.
#   SEEDS   of the trainings (default: "1 2 3")
# Needs MNIST, Fashion-MNIST and CIFAR-100 for the bench (scout data fetch). The LSTM takes some nine minutes a seed, the others up to one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/learning-to-learn}
seeds=${2:-1 2 3}

# Small nets on generated data, 50 to 200 steps: those of configs/networks-small.toml, in the place of a config's own.
nets='["mlp-spirals:hidden=16x16|32,batch=32,activation=relu|tanh,init=glorot|he",
       "mlp-teacher:hidden=16|32x16,batch=32,activation=relu|tanh,init=glorot|he|small",
       "mlp-blobs:hidden=16|16x16,batch=16|32,activation=relu|sigmoid,init=glorot|lsuv"]'
nets=("problems=$nets" rollout.horizon=200 rollout.horizon_low=50 validation.instances=16)

# learn METHOD ROUNDS CONFIG [OPTION...]: so many rounds come to 650,000 gradients, within 3 %.
policies=()
learn() {
  local method=$1 rounds=$2 config=$3 seed folder resume
  shift 3
  for seed in $seeds; do
    folder=$out/$method.$seed
    resume=()
    if [ -e "$folder/checkpoint.bin" ]; then resume=(--resume); fi
    build/scout train "$config" --out "$folder" --seed "$seed" "${resume[@]}" \
      --set threads=1 "rounds=$rounds" "validation.every=$((rounds / 8))" "$@"
    policies+=("$method-$seed=$folder/policy.scout")
  done
}
# The peers.
learn small-fc 400 mlp                             # Metz et al. 2022
learn celo2 400 celo2                              # Celo2, 2026
learn hierarchical-rnn 2300 hierarchical-rnn "${nets[@]}"  # Wichrowska et al. 2017
learn lstm 2010 quadratics-lstm "${nets[@]}"       # Andrychowicz et al. 2016
# Scout's rule by every learner that fits it.
learn evolution 43 networks-small 'learners=["evolution"]'
learn evolution-decisions 35 networks-decisions
learn decisions 188 networks-decisions 'learners=["decisions"]'
learn ddpg 190 networks-small 'learners=["ddpg"]' replay.explorer_share=0
learn ddpg-explorers 160 networks-small 'learners=["ddpg"]'
learn es 368 networks-small 'learners=["es"]' es.learning_rate=3e-3
learn pes 400 networks-small 'learners=["pes"]' pes.learning_rate=3e-3

build/scout bench benchmarks/learning-to-learn.toml --out "$out/bench" --policy "${policies[@]}"
build/scout report "$out/bench"
