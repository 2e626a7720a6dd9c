// RUN: ingot-opt %s --ingot-cpu-lower-row --split-input-file --verify-diagnostics

func.func @integers(%x: memref<4xi32>, %y: memref<4xi32>) {
  // expected-error @below {{expects floats, but got 'memref<4xi32>'}}
  tile.row softmax eps 0.0 ins(%x : memref<4xi32>) outs(%y : memref<4xi32>)
  return
}
