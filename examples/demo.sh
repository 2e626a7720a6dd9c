#!/usr/bin/env bash
# The whole way in four commands: a llama2.c checkpoint becomes ONNX, then one artifact, which is inspected and generates.
#   examples/demo.sh [CHECKPOINT.bin TOKENIZER.bin]
# Without arguments: stories260K, when it lies in ../shared/data/llm, else a seeded decoder with random weights (it runs
# the same way and tells no story). Results stay in build/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
ingot=build/dev/bin/ingot
python=.venv/bin/python
out=build/demo
stories=../shared/data/llm
mkdir -p $out

if [ $# = 2 ]; then
  checkpoint=$1 tokenizer=$2
elif [ $# = 0 ] && [ -f $stories/stories260K.bin ]; then
  checkpoint=$stories/stories260K.bin tokenizer=$stories/tok512.bin
elif [ $# = 0 ]; then
  echo "No checkpoint given: making a seeded decoder with random weights."
  checkpoint=$out/seeded.bin tokenizer=$out/seeded-tokenizer.bin
  $python examples/llama2c/make_checkpoint.py -o $checkpoint --tokenizer-out $tokenizer
else
  echo "demo.sh: expects CHECKPOINT.bin and TOKENIZER.bin, or nothing" >&2
  exit 2
fi

run() {
  printf '\n$'
  printf ' %q' "$@"
  printf '\n'
  "$@"
}
run $python examples/llama2c/export_onnx.py --checkpoint "$checkpoint" --tokenizer "$tokenizer" -o $out/model.onnx
run $ingot compile $out/model.onnx -o $out/model.ingot
run $ingot inspect $out/model.ingot
run $ingot generate $out/model.ingot --prompt "Once upon a time" --max-tokens 200
