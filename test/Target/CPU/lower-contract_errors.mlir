// RUN: ingot-opt %s --ingot-cpu-lower-contract --split-input-file --verify-diagnostics

func.func @wide(%x: memref<4xi64>, %w: memref<4xi64>, %y: memref<i64>) {
  // expected-error @below {{a contraction of 'i64' and 'i64' into 'i64' is not supported yet}}
  tile.contract [affine_map<(k) -> (k)>, affine_map<(k) -> (k)>, affine_map<(k) -> ()>]
      ins(%x, %w : memref<4xi64>, memref<4xi64>) outs(%y : memref<i64>)
  return
}

// -----

func.func @dynamic_strides(%x: memref<4xf32, strided<[?]>>, %w: memref<4xf32>, %y: memref<f32>) {
  // expected-error @below {{expects operands of static shape and strides, but got 'memref<4xf32, strided<[?]>>'}}
  tile.contract [affine_map<(k) -> (k)>, affine_map<(k) -> (k)>, affine_map<(k) -> ()>]
      ins(%x, %w : memref<4xf32, strided<[?]>>, memref<4xf32>) outs(%y : memref<f32>)
  return
}

// -----

func.func @tensors(%x: tensor<4xf32>, %w: tensor<4xf32>, %y: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{expects memrefs below bufferization, but got 'tensor<f32>'}}
  %0 = tile.contract [affine_map<(k) -> (k)>, affine_map<(k) -> (k)>, affine_map<(k) -> ()>]
      ins(%x, %w : tensor<4xf32>, tensor<4xf32>) outs(%y : tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
