
task.program @p target(#task.cpu<"avx2">) {
  task.buffer @kv : memref<4x8x8xf32> state "kv"
  task.buffer @s : memref<f32> output "s"
  task.event @rows [2] signals 4
  task.body @b(%i: index, %j: index, %k: index, %x: memref<8x8xf32>, %y: memref<f32>, %n: index) {
  }
  task.launch @l body @b grid [2, 2, 2] args(@kv[3], @s, 7 : index) signals [@rows[i]]
      reads [@kv[3, j * 4, (i + k * 3) floordiv 2] [1, 4, 1]] writes [@s[] []] must_write [] cost 10 flops 20 bytes
  task.launch @m body @b grid [1, 1, 1] args(@kv[0], @s, 0 : index) waits [@rows[1]]
}
