// What a training step consists of: contractions over rows, sums over leading dimensions, norms backwards, and states
// that are updated where they lie. Every stage computes what the tensor program does, in any legal order of tasks.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %s -o %t.task.mlir
// RUN: ingot-interpret %s --entry=linear --random-inputs=2 --tolerance=1e-13 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=linear --random-inputs=3 --seed=1 --check-accesses --tolerance=1e-13 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=rms --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=rms --random-inputs=3 --seed=1 --check-accesses --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=heads --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=heads --random-inputs=3 --seed=1 --check-accesses --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=adam --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=adam --random-inputs=5 --seed=1 --check-accesses --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=odd --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=odd --random-inputs=5 --seed=1 --check-accesses --compare %t.task.mlir

func.func @linear(%x: tensor<2x6x16xf32> {ingot.input = "x"}, %g: tensor<2x6x24xf32> {ingot.input = "g"}, %w: tensor<24x16xf32> {ingot.input = "w"}, %z: tensor<16xf32> {ingot.input = "z"})
    -> (tensor<16x24xf32> {ingot.output = "dw"}, tensor<24x16xf32> {ingot.output = "dwt"}, tensor<2x6x16xf32> {ingot.output = "dx"}, tensor<24xf32> {ingot.output = "db"}, tensor<16xf32> {ingot.output = "dz"}) {
  %dw = ingot.dot %x, %g contract [0, 1] x [0, 1] : (tensor<2x6x16xf32>, tensor<2x6x24xf32>) -> tensor<16x24xf32>
  %dw2 = ingot.dot %g, %x contract [0, 1] x [0, 1] : (tensor<2x6x24xf32>, tensor<2x6x16xf32>) -> tensor<24x16xf32>
  %dx = ingot.dot %g, %w contract [2] x [0] : (tensor<2x6x24xf32>, tensor<24x16xf32>) -> tensor<2x6x16xf32>
  %db = ingot.reduce sum %g dims [0, 1] : (tensor<2x6x24xf32>) -> tensor<24xf32>
  %p = arith.mulf %dx, %x : tensor<2x6x16xf32>
  %dz = ingot.reduce sum %p dims [0, 1] : (tensor<2x6x16xf32>) -> tensor<16xf32>
  return %dw, %dw2, %dx, %db, %dz : tensor<16x24xf32>, tensor<24x16xf32>, tensor<2x6x16xf32>, tensor<24xf32>, tensor<16xf32>
}
func.func @rms(%x: tensor<2x6x16xf32> {ingot.input = "x"}, %g: tensor<2x6x16xf32> {ingot.input = "g"}, %s: tensor<16xf32> {ingot.input = "s"})
    -> (tensor<2x6x16xf32> {ingot.output = "dx"}, tensor<16xf32> {ingot.output = "ds"}) {
  %x2 = arith.mulf %x, %x : tensor<2x6x16xf32>
  %ms = ingot.reduce mean %x2 dims [2] : (tensor<2x6x16xf32>) -> tensor<2x6xf32>
  %eps = arith.constant dense<1.0e-5> : tensor<2x6xf32>
  %mse = arith.addf %ms, %eps : tensor<2x6xf32>
  %r = math.rsqrt %mse : tensor<2x6xf32>
  %rb = ingot.broadcast %r dims [0, 1] : tensor<2x6xf32> -> tensor<2x6x16xf32>
  %xh = arith.mulf %x, %rb : tensor<2x6x16xf32>
  %gx = arith.mulf %g, %xh : tensor<2x6x16xf32>
  %ds = ingot.reduce sum %gx dims [0, 1] : (tensor<2x6x16xf32>) -> tensor<16xf32>
  %sb = ingot.broadcast %s dims [2] : tensor<16xf32> -> tensor<2x6x16xf32>
  %gs = arith.mulf %g, %sb : tensor<2x6x16xf32>
  %gsx = arith.mulf %gs, %xh : tensor<2x6x16xf32>
  %m = ingot.reduce mean %gsx dims [2] : (tensor<2x6x16xf32>) -> tensor<2x6xf32>
  %mb = ingot.broadcast %m dims [0, 1] : tensor<2x6xf32> -> tensor<2x6x16xf32>
  %c = arith.mulf %xh, %mb : tensor<2x6x16xf32>
  %d = arith.subf %gs, %c : tensor<2x6x16xf32>
  %dx = arith.mulf %d, %rb : tensor<2x6x16xf32>
  return %dx, %ds : tensor<2x6x16xf32>, tensor<16xf32>
}
func.func @heads(%q: tensor<2x6x4x8xf32> {ingot.input = "q"}, %k: tensor<2x6x4x8xf32> {ingot.input = "k"}, %v: tensor<2x6x4x8xf32> {ingot.input = "v"}, %dout: tensor<2x6x4x8xf32> {ingot.input = "do"})
    -> (tensor<2x6x4x8xf32> {ingot.output = "dq"}, tensor<2x6x4x8xf32> {ingot.output = "dk"}, tensor<2x6x4x8xf32> {ingot.output = "dv"}) {
  %s = ingot.dot %q, %k batch [0, 2] x [0, 2] contract [3] x [3] : (tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>) -> tensor<2x4x6x6xf32>
  %p = ingot.softmax %s : tensor<2x4x6x6xf32>
  %dv0 = ingot.dot %p, %dout batch [0, 1] x [0, 2] contract [2] x [1] : (tensor<2x4x6x6xf32>, tensor<2x6x4x8xf32>) -> tensor<2x4x6x8xf32>
  %dp = ingot.dot %dout, %v batch [0, 2] x [0, 2] contract [3] x [3] : (tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>) -> tensor<2x4x6x6xf32>
  %pdp = arith.mulf %p, %dp : tensor<2x4x6x6xf32>
  %d = ingot.reduce sum %pdp dims [3] : (tensor<2x4x6x6xf32>) -> tensor<2x4x6xf32>
  %db = ingot.broadcast %d dims [0, 1, 2] : tensor<2x4x6xf32> -> tensor<2x4x6x6xf32>
  %t = arith.subf %dp, %db : tensor<2x4x6x6xf32>
  %ds = arith.mulf %p, %t : tensor<2x4x6x6xf32>
  %dq0 = ingot.dot %ds, %k batch [0, 1] x [0, 2] contract [3] x [1] : (tensor<2x4x6x6xf32>, tensor<2x6x4x8xf32>) -> tensor<2x4x6x8xf32>
  %dk0 = ingot.dot %ds, %q batch [0, 1] x [0, 2] contract [2] x [1] : (tensor<2x4x6x6xf32>, tensor<2x6x4x8xf32>) -> tensor<2x4x6x8xf32>
  %dq = ingot.transpose %dq0 permutation [0, 2, 1, 3] : (tensor<2x4x6x8xf32>) -> tensor<2x6x4x8xf32>
  %dk = ingot.transpose %dk0 permutation [0, 2, 1, 3] : (tensor<2x4x6x8xf32>) -> tensor<2x6x4x8xf32>
  %dv = ingot.transpose %dv0 permutation [0, 2, 1, 3] : (tensor<2x4x6x8xf32>) -> tensor<2x6x4x8xf32>
  return %dq, %dk, %dv : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>
}

// Two layers with one weight: read by four contractions, then replaced. Adam with a global norm that all gradients are
// scaled by, so that each is kept until the last is there; the moments, too, are read and written in one step.
ingot.state @w init 0.5 : tensor<16x16xf32>
ingot.state @w.m init 0.0 : tensor<16x16xf32>
ingot.state @w.v init 0.0 : tensor<16x16xf32>
ingot.state @b init 0.0 : tensor<16xf32>
ingot.state @steps init 0.0 : tensor<f32>
func.func @adam(%x: tensor<2x6x16xf32> {ingot.input = "x"}, %lr: tensor<f32> {ingot.input = "lr"},
    %w: tensor<16x16xf32> {ingot.state = @w}, %m: tensor<16x16xf32> {ingot.state = @w.m},
    %v: tensor<16x16xf32> {ingot.state = @w.v}, %b: tensor<16xf32> {ingot.state = @b}, %steps: tensor<f32> {ingot.state = @steps})
    -> (tensor<f32> {ingot.output = "norm"}, tensor<16x16xf32> {ingot.output = "new"}, tensor<16x16xf32> {ingot.state = @w},
        tensor<16x16xf32> {ingot.state = @w.m}, tensor<16x16xf32> {ingot.state = @w.v}, tensor<16xf32> {ingot.state = @b},
        tensor<f32> {ingot.state = @steps}) {
  %bb = ingot.broadcast %b dims [2] : tensor<16xf32> -> tensor<2x6x16xf32>
  %y0 = ingot.dot %x, %w contract [2] x [1] : (tensor<2x6x16xf32>, tensor<16x16xf32>) -> tensor<2x6x16xf32>
  %y1 = arith.addf %y0, %bb : tensor<2x6x16xf32>
  %h = math.tanh %y1 : tensor<2x6x16xf32>
  %g = ingot.dot %h, %w contract [2] x [1] : (tensor<2x6x16xf32>, tensor<16x16xf32>) -> tensor<2x6x16xf32>
  %dw1 = ingot.dot %g, %h contract [0, 1] x [0, 1] : (tensor<2x6x16xf32>, tensor<2x6x16xf32>) -> tensor<16x16xf32>
  %dh = ingot.dot %g, %w contract [2] x [0] : (tensor<2x6x16xf32>, tensor<16x16xf32>) -> tensor<2x6x16xf32>
  %one = arith.constant dense<1.0> : tensor<2x6x16xf32>
  %h2 = arith.mulf %h, %h : tensor<2x6x16xf32>
  %slope = arith.subf %one, %h2 : tensor<2x6x16xf32>
  %dy = arith.mulf %dh, %slope : tensor<2x6x16xf32>
  %dw0 = ingot.dot %dy, %x contract [0, 1] x [0, 1] : (tensor<2x6x16xf32>, tensor<2x6x16xf32>) -> tensor<16x16xf32>
  %dw = arith.addf %dw0, %dw1 : tensor<16x16xf32>
  %db = ingot.reduce sum %dy dims [0, 1] : (tensor<2x6x16xf32>) -> tensor<16xf32>
  %sqw = arith.mulf %dw, %dw : tensor<16x16xf32>
  %nw = ingot.reduce sum %sqw dims [0, 1] : (tensor<16x16xf32>) -> tensor<f32>
  %sqb = arith.mulf %db, %db : tensor<16xf32>
  %nb = ingot.reduce sum %sqb dims [0] : (tensor<16xf32>) -> tensor<f32>
  %n2 = arith.addf %nw, %nb : tensor<f32>
  %norm = math.sqrt %n2 : tensor<f32>
  %scale = arith.divf %lr, %norm : tensor<f32>
  %sw = ingot.broadcast %scale dims [] : tensor<f32> -> tensor<16x16xf32>
  %gw = arith.mulf %dw, %sw : tensor<16x16xf32>
  %beta = arith.constant dense<0.9> : tensor<16x16xf32>
  %rest = arith.constant dense<0.1> : tensor<16x16xf32>
  %eps = arith.constant dense<1.0e-8> : tensor<16x16xf32>
  %m0 = arith.mulf %m, %beta : tensor<16x16xf32>
  %m1 = arith.mulf %gw, %rest : tensor<16x16xf32>
  %newm = arith.addf %m0, %m1 : tensor<16x16xf32>
  %v0 = arith.mulf %v, %beta : tensor<16x16xf32>
  %gw2 = arith.mulf %gw, %gw : tensor<16x16xf32>
  %newv = arith.addf %v0, %gw2 : tensor<16x16xf32>
  %root = math.sqrt %newv : tensor<16x16xf32>
  %div = arith.addf %root, %eps : tensor<16x16xf32>
  %dir = arith.divf %newm, %div : tensor<16x16xf32>
  %neww = arith.subf %w, %dir : tensor<16x16xf32>
  %sb = ingot.broadcast %scale dims [] : tensor<f32> -> tensor<16xf32>
  %gb = arith.mulf %db, %sb : tensor<16xf32>
  %newb = arith.subf %b, %gb : tensor<16xf32>
  %onestep = arith.constant dense<1.0> : tensor<f32>
  %newsteps = arith.addf %steps, %onestep : tensor<f32>
  return %norm, %neww, %neww, %newm, %newv, %newb, %newsteps : tensor<f32>, tensor<16x16xf32>, tensor<16x16xf32>,
      tensor<16x16xf32>, tensor<16x16xf32>, tensor<16xf32>, tensor<f32>
}

// New values that cannot be written while the old ones are read: of other elements, of each other; one that is unchanged,
// one that is replaced without being read, one that is an input.
ingot.state @p init 1.0 : tensor<6x6xf32>
ingot.state @q init 2.0 : tensor<6x6xf32>
ingot.state @r init 3.0 : tensor<6x6xf32>
ingot.state @kept init 4.0 : tensor<6xf32>
ingot.state @new init 5.0 : tensor<6x6xf32>
ingot.state @given init 6.0 : tensor<6x6xf32>
func.func @odd(%x: tensor<6x6xf32> {ingot.input = "x"}, %p: tensor<6x6xf32> {ingot.state = @p},
    %q: tensor<6x6xf32> {ingot.state = @q}, %r: tensor<6x6xf32> {ingot.state = @r}, %kept: tensor<6xf32> {ingot.state = @kept},
    %new: tensor<6x6xf32> {ingot.state = @new}, %given: tensor<6x6xf32> {ingot.state = @given})
    -> (tensor<6x6xf32> {ingot.state = @p}, tensor<6x6xf32> {ingot.state = @q}, tensor<6x6xf32> {ingot.state = @r},
        tensor<6xf32> {ingot.state = @kept}, tensor<6x6xf32> {ingot.state = @new}, tensor<6x6xf32> {ingot.state = @given},
        tensor<6xf32> {ingot.output = "same"}, tensor<6x6xf32> {ingot.output = "sum"}) {
  %pq = arith.addf %p, %x : tensor<6x6xf32>
  %turned = ingot.transpose %r permutation [1, 0] : (tensor<6x6xf32>) -> tensor<6x6xf32>
  %newr = arith.subf %r, %turned : tensor<6x6xf32>
  %dot = ingot.dot %r, %x contract [1] x [0] : (tensor<6x6xf32>, tensor<6x6xf32>) -> tensor<6x6xf32>
  %sum = arith.addf %pq, %q : tensor<6x6xf32>
  return %q, %pq, %newr, %kept, %dot, %x, %kept, %sum : tensor<6x6xf32>, tensor<6x6xf32>, tensor<6x6xf32>, tensor<6xf32>,
      tensor<6x6xf32>, tensor<6x6xf32>, tensor<6xf32>, tensor<6x6xf32>
}
