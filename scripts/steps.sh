# For sourcing: `step NAME COMMAND...` runs a command, says how long it took and stops the script when it fails;
# `step_summary` repeats all times.

step_names=()
step_times=()

step() {
  local name=$1 start=$SECONDS status=0
  shift
  printf '\n== %s\n' "$name"
  "$@" || status=$?
  step_names+=("$name")
  step_times+=($((SECONDS - start)))
  if [ $status != 0 ]; then
    printf '== %s: FAILED (exit %d) after %d s\n' "$name" $status $((SECONDS - start))
    exit 1
  fi
  printf '== %s: ok, %d s\n' "$name" $((SECONDS - start))
}

step_summary() {
  local i
  printf '\n'
  for i in "${!step_names[@]}"; do
    printf '%6d s  %s\n' "${step_times[$i]}" "${step_names[$i]}"
  done
}
