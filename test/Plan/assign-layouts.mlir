// RUN: ingot-opt --ingot-assign-layouts %s | FileCheck %s
// RUN: ingot-opt --ingot-assign-layouts=max-width=8 %s | FileCheck %s --check-prefix=NARROW

// Along the dimension that the contraction keeps; at least four panels, so that several workers have work.
// CHECK: ingot.param @dense : tensor<64x24xf32, #ingot.panels<axis = 0, width = 16>>
// NARROW: ingot.param @dense : tensor<64x24xf32, #ingot.panels<axis = 0, width = 8>>
ingot.param @dense : tensor<64x24xf32>
// 172 = 4 * 43: panels of 43 fill vectors better than panels of 4.
// CHECK: ingot.param @odd : tensor<24x172xf32, #ingot.panels<axis = 1, width = 43>>
ingot.param @odd : tensor<24x172xf32>
// A consumer splits the result into heads of 8: a panel never crosses a head.
// CHECK: ingot.param @heads : tensor<64x24xf32, #ingot.panels<axis = 0, width = 8>>
ingot.param @heads : tensor<64x24xf32>
// Tied: gathered by rows and contracted over columns, both keep dimension 0.
// CHECK: ingot.param @tied : tensor<512x24xf32, #ingot.panels<axis = 0, width = 64>>
ingot.param @tied : tensor<512x24xf32>
// Only gathered: rows stay contiguous.
// CHECK: ingot.param @table : tensor<512x24xf32>{{$}}
ingot.param @table : tensor<512x24xf32>
// Used by something else as well, or along two dimensions: row-major.
// CHECK: ingot.param @mixed : tensor<24x24xf32>{{$}}
ingot.param @mixed : tensor<24x24xf32>
// CHECK: ingot.param @both : tensor<24x24xf32>{{$}}
ingot.param @both : tensor<24x24xf32>

// CHECK-LABEL: func @main
// CHECK-SAME: tensor<64x24xf32, #ingot.panels<axis = 0, width = 16>> {ingot.param = @dense}
func.func @main(%x: tensor<2x24xf32> {ingot.input = "x"}, %i: tensor<2xi32> {ingot.input = "i"},
    %dense: tensor<64x24xf32> {ingot.param = @dense}, %odd: tensor<24x172xf32> {ingot.param = @odd},
    %heads: tensor<64x24xf32> {ingot.param = @heads}, %tied: tensor<512x24xf32> {ingot.param = @tied},
    %table: tensor<512x24xf32> {ingot.param = @table}, %mixed: tensor<24x24xf32> {ingot.param = @mixed},
    %both: tensor<24x24xf32> {ingot.param = @both})
    -> (tensor<2x64xf32> {ingot.output = "a"}, tensor<2x172xf32> {ingot.output = "b"}, tensor<2x8x8xf32> {ingot.output = "c"},
        tensor<2x512xf32> {ingot.output = "d"}, tensor<2x24xf32> {ingot.output = "e"}, tensor<24x24xf32> {ingot.output = "f"},
        tensor<2x24xf32> {ingot.output = "g"}) {
  %t0 = ingot.gather %tied, %i : (tensor<512x24xf32>, tensor<2xi32>) -> tensor<2x24xf32>
  %t1 = ingot.gather %table, %i : (tensor<512x24xf32>, tensor<2xi32>) -> tensor<2x24xf32>
  %e = arith.addf %t0, %t1 : tensor<2x24xf32>
  %a = ingot.dot %x, %dense contract [1] x [1] : (tensor<2x24xf32>, tensor<64x24xf32>) -> tensor<2x64xf32>
  %b = ingot.dot %x, %odd contract [1] x [0] : (tensor<2x24xf32>, tensor<24x172xf32>) -> tensor<2x172xf32>
  %c0 = ingot.dot %x, %heads contract [1] x [1] : (tensor<2x24xf32>, tensor<64x24xf32>) -> tensor<2x64xf32>
  %c = tensor.expand_shape %c0 [[0], [1, 2]] output_shape [2, 8, 8] : tensor<2x64xf32> into tensor<2x8x8xf32>
  %d = ingot.dot %x, %tied contract [1] x [1] : (tensor<2x24xf32>, tensor<512x24xf32>) -> tensor<2x512xf32>
  %f0 = ingot.dot %x, %mixed contract [1] x [1] : (tensor<2x24xf32>, tensor<24x24xf32>) -> tensor<2x24xf32>
  %f = arith.negf %mixed : tensor<24x24xf32>
  %g0 = ingot.dot %f0, %both contract [1] x [1] : (tensor<2x24xf32>, tensor<24x24xf32>) -> tensor<2x24xf32>
  %g = ingot.dot %g0, %both contract [1] x [0] : (tensor<2x24xf32>, tensor<24x24xf32>) -> tensor<2x24xf32>
  return %a, %b, %c, %d, %e, %f, %g : tensor<2x64xf32>, tensor<2x172xf32>, tensor<2x8x8xf32>, tensor<2x512xf32>,
      tensor<2x24xf32>, tensor<24x24xf32>, tensor<2x24xf32>
}
