
task.program @decode target(#task.cpu<"avx512">) {
  task.buffer @token : memref<1xi32>          input "tokens"
  task.buffer @table : memref<512x64xf32>     param "tok_embeddings"
  task.buffer @x     : memref<1x64xf32>       scratch offset 0
  task.buffer @wq    : memref<4x64x16xf32>    param "layers.0.wq"
  task.buffer @q     : memref<1x64xf32>       output "q"
  task.event @x_done signals 1
  task.body @row_64(%i: index, %t: memref<1xi32>, %e: memref<512x64xf32>, %y: memref<1x64xf32>) {
    tile.gather ins(%e, %t : memref<512x64xf32>, memref<1xi32>) outs(%y : memref<1x64xf32>)
  }
  task.body @gemv_16(%i: index, %x: memref<1x64xf32>, %w: memref<4x64x16xf32>, %y: memref<1x64xf32>) private 64 {
    %t = memref.alloca() : memref<1x16xf32>
    %ws = memref.subview %w[%i, 0, 0] [1, 64, 16] [1, 1, 1] : memref<4x64x16xf32> to memref<64x16xf32, strided<[16, 1], offset: ?>>
    tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %ws : memref<1x64xf32>, memref<64x16xf32, strided<[16, 1], offset: ?>>) outs(%t : memref<1x16xf32>)
    %o = affine.apply affine_map<(i) -> (i * 16)>(%i)
    %ys = memref.subview %y[0, %o] [1, 16] [1, 1] : memref<1x64xf32> to memref<1x16xf32, strided<[64, 1], offset: ?>>
    tile.map [affine_map<(m, n) -> (m, n)>] ins(%t : memref<1x16xf32>) outs(%ys : memref<1x16xf32, strided<[64, 1], offset: ?>>) {
    ^bb0(%v: f32):
      tile.yield %v : f32
    }
  }
  task.launch @embed body @row_64 grid [1] args(@token, @table, @x) signals [@x_done]
      reads [@token[0] [1], @table[0, 0] [512, 64]] writes [@x[0, 0] [1, 64]]
  task.launch @l0.q body @gemv_16 grid [4] args(@x, @wq, @q) waits [@x_done]
      reads [@x[0, 0] [1, 64], @wq[i, 0, 0] [1, 64, 16] stream] writes [@q[0, i * 16] [1, 16]]
  task.schedule workers 2 { queue 0 [@embed[0], @l0.q[0 to 2]]  queue 1 [@l0.q[2 to 4]] }
}
