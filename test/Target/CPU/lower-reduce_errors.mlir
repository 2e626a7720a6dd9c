// RUN: ingot-opt %s --ingot-cpu-lower-reduce --split-input-file --verify-diagnostics

func.func @bits(%x: memref<4xi1>, %y: memref<i1>) {
  // expected-error @below {{a reduction of i1 is not supported yet}}
  tile.reduce max dims [0] ins(%x : memref<4xi1>) outs(%y : memref<i1>)
  return
}
