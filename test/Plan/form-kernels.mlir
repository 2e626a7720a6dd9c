// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels --ingot-canonicalize-kernels %s | FileCheck %s

ingot.param @gate : tensor<64x16xf32>
ingot.param @up : tensor<64x16xf32>
ingot.param @scale : tensor<16xf32>
ingot.state @kv init 0.0 : tensor<3x2x1x2x32x8xf32>

// Norm, both contractions and their product are one kernel: each task computes 16 columns of both.
// CHECK-LABEL: func @gate_up
// CHECK-SAME: tensor<4x16x16xf32> {ingot.param = @gate}
// CHECK: scf.forall (%[[I:.*]]) in (4)
// CHECK: tile.row rms_norm
// CHECK: tensor.extract_slice %{{.*}}[%[[I]], 0, 0] [1, 16, 16] [1, 1, 1] : tensor<4x16x16xf32> to tensor<16x16xf32>
// CHECK: tile.contract
// CHECK-NOT: tile.row
// CHECK: tile.contract
// CHECK: tile.map
// CHECK: math.exp
// CHECK: tensor.parallel_insert_slice
// CHECK: ingot.kernel = "rms_norm_dot_silu_dot_mulf"
// CHECK-NOT: scf.forall
func.func @gate_up(%x: tensor<1x16xf32> {ingot.input = "x"}, %scale: tensor<16xf32> {ingot.param = @scale},
    %gate: tensor<64x16xf32> {ingot.param = @gate}, %up: tensor<64x16xf32> {ingot.param = @up})
    -> (tensor<1x64xf32> {ingot.output = "y"}) {
  %n = ingot.rms_norm %x, %scale eps 1.0e-5 : tensor<1x16xf32>, tensor<16xf32>
  %g = ingot.dot %n, %gate contract [1] x [1] : (tensor<1x16xf32>, tensor<64x16xf32>) -> tensor<1x64xf32>
  %s = ingot.silu %g : tensor<1x64xf32>
  %u = ingot.dot %n, %up contract [1] x [1] : (tensor<1x16xf32>, tensor<64x16xf32>) -> tensor<1x64xf32>
  %y = arith.mulf %s, %u : tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}

// A contraction is never repeated: what two kernels need, and what feeds another contraction, is stored.
// CHECK-LABEL: func @chain
// CHECK: scf.forall
// CHECK: ingot.kernel = "dot_exp"
// CHECK: scf.forall
// CHECK: ingot.kernel = "dot"
// CHECK: scf.forall
// CHECK: ingot.kernel = "addf"
func.func @chain(%x: tensor<4x16xf32> {ingot.input = "x"}, %w: tensor<16x16xf32> {ingot.input = "w"})
    -> (tensor<4x16xf32> {ingot.output = "y"}, tensor<4x16xf32> {ingot.output = "z"}) {
  %a = ingot.dot %x, %w contract [1] x [0] : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %e = math.exp %a : tensor<4x16xf32>
  %b = ingot.dot %e, %w contract [1] x [0] : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %y = arith.addf %b, %e : tensor<4x16xf32>
  return %b, %y : tensor<4x16xf32>, tensor<4x16xf32>
}

// Keys and values go into the cache in one task per head, in place; attention reads pages of the cache.
// CHECK-LABEL: func @cache
// CHECK-SAME: %[[KV:[a-z0-9]+]]: tensor<3x2x1x2x32x8xf32>
// CHECK: %[[NEW:.*]] = scf.forall (%[[H:.*]]) in (2) shared_outs(%[[OUT:.*]] = %[[KV]])
// CHECK: %[[PAGE:.*]] = tensor.extract_slice %[[OUT]][2, 0, 0, %[[H]], 0, 0] [1, 2, 1, 1, 32, 8]
// CHECK: %[[WRITTEN:.*]] = tile.scatter
// CHECK: tensor.parallel_insert_slice %[[WRITTEN]] into %[[OUT]][2, 0, 0, %[[H]], 0, 0]
// CHECK: scf.forall (%{{.*}}, %[[G:.*]]) in (1, 2)
// CHECK: tensor.extract_slice %[[NEW]][2, 0, 0, %[[G]], 0, 0] [1, 1, 1, 1, 32, 8]
// CHECK: tile.attention causal
func.func @cache(%q: tensor<1x1x4x8xf32> {ingot.input = "q"}, %k: tensor<1x1x2x8xf32> {ingot.input = "k"},
    %kv: tensor<3x2x1x2x32x8xf32> {ingot.state = @kv}, %start: tensor<1xi32> {ingot.input = "start"},
    %count: tensor<1xi32> {ingot.input = "count"})
    -> (tensor<1x1x4x8xf32> {ingot.output = "o"}, tensor<3x2x1x2x32x8xf32> {ingot.state = @kv}) {
  %new = ingot.kv_append %k, %k into %kv layer 2 start %start count %count
      : tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<3x2x1x2x32x8xf32>, tensor<1xi32>, tensor<1xi32>
  %keys = tensor.extract_slice %new[2, 0, 0, 0, 0, 0] [1, 1, 1, 2, 32, 8] [1, 1, 1, 1, 1, 1] : tensor<3x2x1x2x32x8xf32> to tensor<1x2x32x8xf32>
  %values = tensor.extract_slice %new[2, 1, 0, 0, 0, 0] [1, 1, 1, 2, 32, 8] [1, 1, 1, 1, 1, 1] : tensor<3x2x1x2x32x8xf32> to tensor<1x2x32x8xf32>
  %o = ingot.attention %q, %keys, %values start %start count %count causal scale 0.35
      : (tensor<1x1x4x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x4x8xf32>
  return %o, %new : tensor<1x1x4x8xf32>, tensor<3x2x1x2x32x8xf32>
}

// A new value is written over the old one, where it is read, once every other reader of the old one is before it: the
// update comes first in the entry and last in the order.
// CHECK-LABEL: func @update
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<16x16xf32> {ingot.state = @weight}
// CHECK: ingot.kernel = "dot"
// CHECK: scf.forall (%{{.*}}) in (1) shared_outs(%[[OUT:.*]] = %[[W]])
// CHECK-NOT: %[[W]]
// CHECK: tile.map [{{.*}}] ins(%{{.*}}, %[[OUT]] : tensor<16x16xf32>, tensor<16x16xf32>) outs(%[[OUT]] : tensor<16x16xf32>)
// CHECK: ingot.kernel = "addf"
ingot.state @weight init 0.5 : tensor<16x16xf32>
func.func @update(%x: tensor<16x16xf32> {ingot.input = "x"}, %w: tensor<16x16xf32> {ingot.state = @weight})
    -> (tensor<16x16xf32> {ingot.state = @weight}, tensor<16x16xf32> {ingot.output = "y"}) {
  %new = arith.addf %x, %w : tensor<16x16xf32>
  %y = ingot.dot %x, %w contract [1] x [1] : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %new, %y : tensor<16x16xf32>, tensor<16x16xf32>
}

// One that needs other elements than it writes has memory of its own, and is copied.
// CHECK-LABEL: func @turn
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<8x8xf32> {ingot.state = @square}
// CHECK: %[[EMPTY:.*]] = tensor.empty()
// CHECK: scf.forall (%{{.*}}) in (1) shared_outs(%{{.*}} = %[[EMPTY]])
// CHECK: ingot.kernel = "subf"
// CHECK: scf.forall (%{{.*}}) in (1) shared_outs(%{{.*}} = %[[S]])
// CHECK: ingot.kernel = "broadcast"
ingot.state @square init 0.0 : tensor<8x8xf32>
func.func @turn(%s: tensor<8x8xf32> {ingot.state = @square}) -> (tensor<8x8xf32> {ingot.state = @square}) {
  %t = ingot.transpose %s permutation [1, 0] : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %new = arith.subf %s, %t : tensor<8x8xf32>
  return %new : tensor<8x8xf32>
}

// A gradient that several kernels need is stored; what is made of it for each of them is not, and its norm is taken at
// once, before what comes between. A number that is broadcast to many elements is computed once.
// CHECK-LABEL: func @moments
// CHECK: ingot.kernel = "dot"
// CHECK: ingot.kernel = "mulf_reduce"
// CHECK: ingot.kernel = "exp_sqrt"
// CHECK: ingot.kernel = "mulf_addf"
// CHECK: ingot.kernel = "mulf_mulf_addf"
// CHECK: ingot.kernel = "tanh"
ingot.state @m init 0.0 : tensor<256x256xf32>
ingot.state @v init 0.0 : tensor<256x256xf32>
func.func @moments(%x: tensor<16x256xf32> {ingot.input = "x"}, %s: tensor<f32> {ingot.input = "s"},
    %m: tensor<256x256xf32> {ingot.state = @m}, %v: tensor<256x256xf32> {ingot.state = @v})
    -> (tensor<256xf32> {ingot.output = "norms"}, tensor<16x256xf32> {ingot.output = "y"},
        tensor<256x256xf32> {ingot.state = @m}, tensor<256x256xf32> {ingot.state = @v}) {
  %g = ingot.dot %x, %x contract [0] x [0] : (tensor<16x256xf32>, tensor<16x256xf32>) -> tensor<256x256xf32>
  %e = math.exp %s : tensor<f32>
  %r = math.sqrt %e : tensor<f32>
  %b = ingot.broadcast %r dims [] : tensor<f32> -> tensor<256x256xf32>
  %scaled = arith.mulf %g, %b : tensor<256x256xf32>
  %newm = arith.addf %m, %scaled : tensor<256x256xf32>
  %square = arith.mulf %scaled, %scaled : tensor<256x256xf32>
  %newv = arith.addf %v, %square : tensor<256x256xf32>
  %squares = arith.mulf %g, %g : tensor<256x256xf32>
  %norms = ingot.reduce sum %squares dims [0] : (tensor<256x256xf32>) -> tensor<256xf32>
  %y = math.tanh %x : tensor<16x256xf32>
  return %norms, %y, %newm, %newv : tensor<256xf32>, tensor<16x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>
}
