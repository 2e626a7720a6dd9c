// RUN: ingot-opt %s --ingot-cpu-lower-attention="lanes=4" --cse | FileCheck %s

// Fewer rows than lanes: blocks of 16 keys up to the visible ones, which start, count and the causal mask decide; four
// keys at a time, each block for both heads.
// CHECK-LABEL: func @decode
// CHECK-DAG: %[[SCORES:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16xf32>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<2xf32>
// CHECK: %[[VISIBLE:.*]] = scf.for %{{.*}} = %c0 to %c1 step %c1 iter_args
// CHECK:   arith.maxsi
// CHECK: scf.for %[[FIRST:.*]] = %c0 to %[[VISIBLE]] step %c16 {
// CHECK:   scf.for %{{.*}} = %c0 to %c2 step %c1 {
// CHECK:     scf.for %{{.*}} = %c0 to %{{.*}} step %c4 iter_args({{.*}}) -> (vector<4xf32>)
// CHECK:       scf.for %{{.*}} = %c0 to %c8 step %c4 iter_args({{.*}}) -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
// CHECK:       vector.shuffle
// CHECK:       vector.store %{{.*}}, %[[SCORES]]
// CHECK:     scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c4 iter_args
// CHECK:       arith.minsi
// CHECK:     scf.for %{{.*}} = %c0 to %{{.*}} step %c2 iter_args({{.*}}) -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
// CHECK: arith.divf
func.func @decode(%q: memref<1x1x2x8xf32>, %k: memref<1x1x512x8xf32>, %v: memref<1x1x512x8xf32>, %s: memref<1xi32>,
    %n: memref<1xi32>, %o: memref<1x1x2x8xf32>) {
  tile.attention causal scale 0.35 ins(%q, %k, %v : memref<1x1x2x8xf32>, memref<1x1x512x8xf32>, memref<1x1x512x8xf32>)
      start(%s : memref<1xi32>) count(%n : memref<1xi32>) outs(%o : memref<1x1x2x8xf32>)
  return
}

// Many rows: 8 of them across two vectors; queries are transposed in squares, keys taken 4 at a time and not
// transposed. A block that all rows see whole needs no mask.
// CHECK-LABEL: func @prefill
// CHECK-SAME: %[[Q:.*]]: memref<1x32x1x8xf32>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<64xf32>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<512xf32>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<8xi32>
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1 {
// CHECK:   vector.shuffle
// CHECK:   scf.for %{{.*}} = %c0 to %{{.*}} step %c64 iter_args
// CHECK:     scf.for %{{.*}} = %c0 to %{{.*}} step %c4 iter_args
// CHECK:       scf.for %{{.*}} = %c0 to %c8 step %c1 iter_args({{.*}}) -> ([[EIGHT:vector<4xf32>(, vector<4xf32>){7}]])
// CHECK:     scf.if
// CHECK:       scf.for %{{.*}} = %c0 to %c64 step %c1 iter_args({{.*}}) -> ([[EIGHT]])
// CHECK-NOT:     arith.select
// CHECK:     } else {
// CHECK:       arith.select
// CHECK-NOT: memref.alloca
func.func @prefill(%q: memref<1x32x1x8xf32>, %k: memref<1x1x512x8xf32>, %v: memref<1x1x512x8xf32>, %s: memref<1xi32>,
    %n: memref<1xi32>, %o: memref<1x32x1x8xf32>) {
  tile.attention causal scale 0.35 ins(%q, %k, %v : memref<1x32x1x8xf32>, memref<1x1x512x8xf32>, memref<1x1x512x8xf32>)
      start(%s : memref<1xi32>) count(%n : memref<1xi32>) outs(%o : memref<1x32x1x8xf32>)
  return
}

// 16-bit keys are widened into private memory, once per block.
// CHECK-LABEL: func @narrow
// CHECK: arith.extf %{{.*}} : vector<4xbf16> to vector<4xf32>
func.func @narrow(%q: memref<1x8x1x8xf32>, %k: memref<1x1x512x8xbf16>, %o: memref<1x8x1x8xf32>) {
  tile.attention causal scale 0.35 ins(%q, %k, %k : memref<1x8x1x8xf32>, memref<1x1x512x8xbf16>, memref<1x1x512x8xbf16>)
      outs(%o : memref<1x8x1x8xf32>)
  return
}

// Parts: maximum and sum are stored behind the output.
// CHECK-LABEL: func @part
// CHECK-SAME: %[[I:[^:]*]]: index
// CHECK: arith.subi %{{.*}}, %[[I]] : index
// CHECK: memref.store %{{.*}}, %{{.*}}[%c8]
// CHECK: memref.store %{{.*}}, %{{.*}}[%c9]
func.func @part(%i: index, %q: memref<1x1x1x8xf32>, %k: memref<1x1x256x8xf32>, %s: memref<1xi32>, %n: memref<1xi32>,
    %o: memref<1x1x1x1x10xf32>) {
  tile.partial_attention causal scale 0.35 ins(%q, %k, %k : memref<1x1x1x8xf32>, memref<1x1x256x8xf32>, memref<1x1x256x8xf32>)
      first %i start(%s : memref<1xi32>) count(%n : memref<1xi32>) outs(%o : memref<1x1x1x1x10xf32>)
  return
}

// CHECK-LABEL: func @combine
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1 iter_args
// CHECK:   arith.maximumf
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1 {
// CHECK: arith.divf
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1 iter_args({{.*}}) -> (vector<4xf32>)
func.func @combine(%p: memref<1x1x1x4x10xf32>, %o: memref<1x1x1x8xf32>) {
  tile.combine_attention ins(%p : memref<1x1x1x4x10xf32>) outs(%o : memref<1x1x1x8xf32>)
  return
}
