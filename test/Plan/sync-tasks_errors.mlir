// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-sync-tasks{events=some}))' --split-input-file --verify-diagnostics %s
// RUN: not ingot-opt --pass-pipeline='builtin.module(task.program(ingot-sync-tasks{workers=0}))' --split-input-file %s 2>&1 | FileCheck %s
// CHECK: expects at least one worker, but got 0

// expected-error @+1 {{expects events whole, parts or chosen, but got 'some'}}
task.program @empty target(#task.cpu<"generic">) {
}
