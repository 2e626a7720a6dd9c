// RUN: ingot-opt %s --ingot-cpu-lower-attention --split-input-file --verify-diagnostics

func.func @wide(%q: memref<1x1x2x1025xf32>, %k: memref<1x1x16x1025xf32>) {
  // expected-error @+1 {{with heads of more than 1024 elements is not supported yet on the CPU, but got 'memref<1x1x16x1025xf32>' and 'memref<1x1x16x1025xf32>'}}
  tile.attention scale 0.5 ins(%q, %k, %k : memref<1x1x2x1025xf32>, memref<1x1x16x1025xf32>, memref<1x1x16x1025xf32>)
      outs(%q : memref<1x1x2x1025xf32>)
  return
}

// -----

func.func @empty(%q: memref<1x1x2x0xf32, strided<[8, 8, 4, 1]>>, %k: memref<1x1x16x0xf32, strided<[64, 64, 4, 1]>>,
    %v: memref<1x1x16x8xf32>, %o: memref<1x1x2x8xf32>) {
  // expected-error @+1 {{expects heads with at least one element, but got 'memref<1x1x2x0xf32, strided<[8, 8, 4, 1]>>'}}
  tile.attention scale 0.5 ins(%q, %k, %v : memref<1x1x2x0xf32, strided<[8, 8, 4, 1]>>, memref<1x1x16x0xf32, strided<[64, 64, 4, 1]>>, memref<1x1x16x8xf32>)
      outs(%o : memref<1x1x2x8xf32>)
  return
}

// -----

func.func @parts(%p: memref<1x1x2x1025x10xf32>, %o: memref<1x1x2x8xf32>) {
  // expected-error @+1 {{expects 1 to 1024 parts and heads with at least one element, but got 'memref<1x1x2x1025x10xf32>'}}
  tile.combine_attention ins(%p : memref<1x1x2x1025x10xf32>) outs(%o : memref<1x1x2x8xf32>)
  return
}

// -----

func.func @strides(%q: memref<1x1x2x8xf32>, %k: memref<1x1x16x8xf32, strided<[?, ?, ?, 1]>>) {
  // expected-error @+1 {{expects operands of static shape and strides, but got 'memref<1x1x16x8xf32, strided<[?, ?, ?, 1]>>'}}
  tile.attention scale 0.5 ins(%q, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32, strided<[?, ?, ?, 1]>>, memref<1x1x16x8xf32, strided<[?, ?, ?, 1]>>)
      outs(%q : memref<1x1x2x8xf32>)
  return
}
