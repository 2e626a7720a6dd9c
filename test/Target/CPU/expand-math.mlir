// RUN: ingot-opt %s --ingot-cpu-expand-math | FileCheck %s --check-prefixes=CHECK,FULL
// RUN: ingot-opt %s --ingot-cpu-expand-math="baseline=1" | FileCheck %s --check-prefixes=CHECK,BASE

// CHECK-LABEL: func @exp
// CHECK-NOT: math.exp
// CHECK: arith.bitcast {{.*}} : vector<8xf32> to vector<8xi32>
// CHECK: return
func.func @exp(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.exp %x : vector<8xf32>
  return %y : vector<8xf32>
}

// CHECK-LABEL: func @rsqrt
// CHECK: %[[ROOT:.*]] = math.sqrt
// CHECK: arith.divf %{{.*}}, %[[ROOT]] : f32
func.func @rsqrt(%x: f32) -> f32 {
  %y = math.rsqrt %x : f32
  return %y : f32
}

// Computed in float32, rounded to bfloat16 after the operation.
// CHECK-LABEL: func @narrow
// CHECK: %[[SUM:.*]] = arith.addf %{{.*}}, %{{.*}} : f32
// CHECK-NOT: arith.truncf {{.*}} bf16
// CHECK: arith.bitcast %[[SUM]] : f32 to i32
// CHECK: return
func.func @narrow(%x: bf16, %z: bf16) -> bf16 {
  %y = arith.addf %x, %z : bf16
  return %y : bf16
}

// CHECK-LABEL: func @half
// FULL: arith.extf {{.*}} : vector<4xf16> to vector<4xf32>
// BASE-NOT: arith.extf
// CHECK: return
func.func @half(%x: vector<4xf16>) -> vector<4xf32> {
  %y = arith.extf %x : vector<4xf16> to vector<4xf32>
  return %y : vector<4xf32>
}

// The truncations within are expanded in their turn.
// CHECK-LABEL: func @pow
// CHECK-NOT: math.powf
// BASE-NOT: math.trunc
// CHECK: return
func.func @pow(%x: f32, %z: f32) -> f32 {
  %y = math.powf %x, %z : f32
  return %y : f32
}

// CHECK-LABEL: func @floor
// FULL: math.floor
// BASE-NOT: math.floor
// CHECK: return
func.func @floor(%x: f32) -> f32 {
  %y = math.floor %x : f32
  return %y : f32
}

// Clamped before the conversion, NaN to 0, saturated after it.
// CHECK-LABEL: func @to_integer
// CHECK-SAME: %[[X:.*]]: f32
// CHECK: arith.cmpf uno, %[[X]], %[[X]]
// CHECK: %[[INTEGER:.*]] = arith.fptosi {{.*}} : f32 to i32
// CHECK: %[[MOST:.*]] = arith.constant 2147483647 : i32
// CHECK: %[[OVER:.*]] = arith.cmpf oge, %[[X]]
// CHECK: arith.select %[[OVER]], %[[MOST]], %[[INTEGER]]
func.func @to_integer(%x: f32) -> i32 {
  %y = arith.fptosi %x : f32 to i32
  return %y : i32
}
