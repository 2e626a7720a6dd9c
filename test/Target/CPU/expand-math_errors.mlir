// RUN: ingot-opt %s --ingot-cpu-expand-math --split-input-file --verify-diagnostics

func.func @atan(%x: f32) -> f32 {
  // expected-error @below {{'math.atan' op of 'f32' is not supported yet on the CPU}}
  %y = math.atan %x : f32
  return %y : f32
}

// -----

func.func @wide(%x: f64) -> f64 {
  // expected-error @below {{'math.exp' op of 'f64' is not supported yet on the CPU}}
  %y = math.exp %x : f64
  return %y : f64
}

// -----

func.func @remainder(%x: f32) -> f32 {
  // expected-error @below {{'arith.remf' op of 'f32' is not supported yet on the CPU}}
  %y = arith.remf %x, %x : f32
  return %y : f32
}

// -----

func.func @twice_rounded(%x: f64) -> bf16 {
  // expected-error @below {{'arith.truncf' op of 'f64' is not supported yet on the CPU}}
  %y = arith.truncf %x : f64 to bf16
  return %y : bf16
}
