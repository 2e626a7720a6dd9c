#!/usr/bin/env bash
# From an ONNX graph without training to a model that writes like its text: the whole way in four commands.
#   examples/train/demo.sh [gpt|llama] [TEXT [STEPS]]
# Without a TEXT: tinyshakespeare, when it lies in ../shared/data/text, else the licences that every Debian system has.
# Results stay in build/demo/train-KIND.
set -euo pipefail
cd "$(dirname "$0")/../.."
ingot=build/dev/bin/ingot
python=.venv/bin/python
kind=${1:-gpt} text=${2:-} steps=${3:-1000}
out=build/demo/train-$kind
if [[ $# -gt 3 || ! $kind =~ ^(gpt|llama)$ ]]; then
  echo "demo.sh: expects gpt or llama, then perhaps a text and a number of steps" >&2
  exit 2
fi
rm -rf "$out" # checkpoints of an earlier run
mkdir -p "$out"

prompt="The "
if [ -z "$text" ]; then
  text=../shared/data/text/tinyshakespeare.txt
  prompt="ROMEO:"
  if [ ! -f $text ]; then
    text=$out/licences.txt prompt="The "
    cat /usr/share/common-licenses/* > "$text"
    echo "No text given: training on the licences in /usr/share/common-licenses."
  fi
fi

run() {
  printf '\n$'
  printf ' %q' "$@"
  printf '\n'
  "$@"
}
run $python examples/train/make_onnx.py --kind "$kind" -o "$out/model.onnx"
run $ingot compile "$out/model.onnx" -o "$out/model.ingot" --tokenizer bytes --train adamw --clip-norm 1 \
  --train-batch 16 --train-seq 64
run $ingot train "$out/model.ingot" --data "$text" --steps "$steps" --lr 2e-3 --out "$out/run" 2> >(awk 'NR % 50 == 1' >&2)
checkpoint=$(printf '%s/run/step-%06d.safetensors' "$out" "$steps")
# No further than the sequences of the training were long.
run $ingot generate "$out/model.ingot" --params "$checkpoint" --prompt "$prompt" --max-tokens 57 --temperature 0.7 --seed 1
