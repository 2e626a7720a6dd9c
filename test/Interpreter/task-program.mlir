// A task program against the function it stands for, over several interleavings; parameters are packed as declared.
// RUN: ingot-interpret %s --entry=step --compare %s --compare-entry=program --steps=2 | FileCheck %s
// RUN: ingot-interpret %s --entry=program --seed=1 --compare %s --compare-seed=2 | FileCheck %s
// RUN: ingot-interpret %s --entry=program --seed=3 --compare %s --compare-seed=4 --mode=typed | FileCheck %s

// CHECK: output y: max abs difference 0{{$}}
ingot.param @w : tensor<8x4xf32, #ingot.panels<axis = 0, width = 2>>
func.func @step(%x: tensor<1x4xf32> {ingot.input = "x"},
    %w: tensor<8x4xf32, #ingot.panels<axis = 0, width = 2>> {ingot.param = @w}) -> (tensor<1x8xf32> {ingot.output = "y"}) {
  %s = ingot.silu %x : tensor<1x4xf32>
  %y = ingot.dot %s, %w contract [1] x [1]
      : (tensor<1x4xf32>, tensor<8x4xf32, #ingot.panels<axis = 0, width = 2>>) -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

task.program @program target(#task.cpu<"generic">) {
  task.buffer @x : memref<1x4xf32> input "x"
  task.buffer @w : memref<4x4x2xf32> param "w"
  task.buffer @s : memref<1x4xf32> scratch offset 0
  task.buffer @y : memref<1x8xf32> output "y"
  task.event @s_done signals 1
  task.body @silu(%i: index, %a: memref<1x4xf32>, %b: memref<1x4xf32>) {
    tile.map [affine_map<(m, n) -> (m, n)>] ins(%a : memref<1x4xf32>) outs(%b : memref<1x4xf32>) {
    ^bb0(%v: f32):
      %one = arith.constant 1.0 : f32
      %n = arith.negf %v : f32
      %e = math.exp %n : f32
      %d = arith.addf %one, %e : f32
      %r = arith.divf %v, %d : f32
      tile.yield %r : f32
    }
  }
  task.body @dot(%i: index, %x: memref<1x4xf32>, %w: memref<4x4x2xf32>, %y: memref<1x8xf32>) {
    %ws = memref.subview %w[%i, 0, 0] [1, 4, 2] [1, 1, 1] : memref<4x4x2xf32> to memref<4x2xf32, strided<[2, 1], offset: ?>>
    %o = affine.apply affine_map<(i) -> (i * 2)>(%i)
    %ys = memref.subview %y[0, %o] [1, 2] [1, 1] : memref<1x8xf32> to memref<1x2xf32, strided<[8, 1], offset: ?>>
    tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %ws : memref<1x4xf32>, memref<4x2xf32, strided<[2, 1], offset: ?>>)
        outs(%ys : memref<1x2xf32, strided<[8, 1], offset: ?>>)
  }
  task.launch @silu1 body @silu grid [1] args(@x, @s) signals [@s_done] reads [@x[0, 0] [1, 4]] writes [@s[0, 0] [1, 4]]
  task.launch @dot1 body @dot grid [4] args(@s, @w, @y) waits [@s_done]
      reads [@s[0, 0] [1, 4], @w[i, 0, 0] [1, 4, 2] stream] writes [@y[0, i * 2] [1, 2]]
  task.schedule workers 3 { queue 0 [@dot1[0 to 2]] queue 1 [@silu1[0], @dot1[3]] queue 2 [@dot1[2]] }
}
