// Passes of Plan, in the order in which PlanPipeline.cpp runs them.
include "mlir/Pass/PassBase.td"

def AssignLayouts : Pass<"ingot-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "choose how parameters are stored";
  let description = [{
    Gives each parameter that contractions and gathers alone use a panel layout along the dimension that the
    contraction keeps, so that a task streams contiguous memory and vectorises along a panel. The width is the divisor of
    that dimension (of one head, where a consumer needs whole heads) that fills vectors best. Depends on shapes only.

    ```mlir
    ingot.param @wq : tensor<64x64xf32>
    // becomes
    ingot.param @wq : tensor<64x64xf32, #ingot.panels<axis = 0, width = 16>>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
  let options = [Option<"maxWidth", "max-width", "int64_t", "64", "widest panel, in elements">];
}

def FormKernels : Pass<"ingot-form-kernels", "::mlir::ModuleOp"> {
  let summary = "turn tensor operations into grids of tasks";
  let description = [{
    Each value that must exist in memory becomes one `scf.forall`, whose body computes one tile of it with `tile` ops.
    Pointwise operations, views and row normalisations are computed where they are used, unless the tasks of contractions
    or broadcasts would repeat that for too many elements; contractions and attention only where no other anchor would
    repeat them: see docs/rationale/tile.md. Arguments get their stored shapes.

    An operation with several results has a launch for each that is used. The new value of a state is written over the
    old one, after all kernels that read that and as early as what it needs allows; one that cannot be (it needs other
    elements of the state than it writes, or states exchange their values) gets memory of its own and is copied. Where
    states are updated, kernels that make little of much, such as the norm of a gradient, come early, too.

    ```mlir
    %0 = ingot.dot %x, %w contract [1] x [0] : (tensor<1x64xf32>, tensor<64x32xf32>) -> tensor<1x32xf32>
    // becomes
    %0 = scf.forall (%i) in (2) shared_outs(%o = %empty) -> (tensor<1x32xf32>) {
      ... tile.contract ... outs(%slice : tensor<1x16xf32>) ...
    }

    %new = arith.subf %w, %step : tensor<64x32xf32> // returned as the state whose argument is %w
    // becomes
    %new = scf.forall (%i) in (1) shared_outs(%o = %w) -> (tensor<64x32xf32>) {
      ... tile.map ... ins(%o, %step : ...) outs(%o : tensor<64x32xf32>) ...
    }
    ```
  }];
  let dependentDialects = ["::ingot::tile::TileDialect", "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
      "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def BufferizeKernels : Pass<"ingot-bufferize-kernels", "::mlir::ModuleOp"> {
  let summary = "bufferize kernels without a copy";
  let description = [{
    Runs upstream's one-shot bufferization over function boundaries with identity layouts; parameters and inputs are
    read-only, states are updated in place. Temporaries of a task become `memref.alloca`. A copy, or a state result
    that is not its argument, is an error that names the operation.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect"];
}

def ExtractTasks : Pass<"ingot-extract-tasks", "::mlir::ModuleOp"> {
  let summary = "turn bufferized entries into task programs";
  let description = [{
    Each entry becomes a `task.program`: its arguments, results and allocations become buffers, each `scf.forall` a launch,
    its body a `task.body` that equal launches share. A constant leading offset (the layer of a cache) becomes an integer
    argument, so that all layers share one body. Regions are derived from the subviews of the body.
  }];
  let dependentDialects = ["::ingot::task::TaskDialect", "::mlir::memref::MemRefDialect", "::mlir::affine::AffineDialect"];
  let options = [Option<"isa", "isa", "std::string", "\"generic\"", "ISA level of the `#task.cpu` target">];
}

def PlaceBuffers : Pass<"ingot-place-buffers", "::ingot::task::ProgramOp"> {
  let summary = "assign arena offsets to scratch buffers";
  let description = [{
    Buffers whose lifetimes in program order do not overlap may share bytes; offsets are multiples of 64. Largest first,
    lowest fitting offset.
  }];
}

// What ScheduleTasks and SyncTasks know about the target: `CostModel` in runtime/program/Costs.h.
defvar targetOptions = [
  Option<"workers", "workers", "unsigned", "2", "number of worker queues">,
  Option<"flopsPerSecond", "flops-per-second", "double", "5e10", "operations of one worker">,
  Option<"bytesPerSecond", "bytes-per-second", "double", "1e10", "memory traffic of one worker, while others work too">,
  Option<"syncSeconds", "sync-seconds", "double", "1e-6", "from a signal to a wait on another worker">,
  Option<"taskSeconds", "task-seconds", "double", "1e-7", "fixed cost of one task">,
  Option<"counterSeconds", "counter-seconds", "double", "1e-8", "of one signal, or of one wait that is met already">
];

def SyncTasks : Pass<"ingot-sync-tasks", "::ingot::task::ProgramOp"> {
  let summary = "order conflicting launches by events";
  let description = [{
    A launch waits for each earlier launch with which it conflicts (a write of one overlaps an access of the other, also
    through shared arena bytes), unless other waits imply it. It may wait for all tasks of that launch, which is one
    counter; or, where its tasks need only some of them, each for the counters of a part. Parts let tasks begin earlier
    and spare waits for other workers, but every task pays for its counters. Which of the two is decided by scheduling
    the program both ways with the cost model (runtime/program/Events.h); equal layers decide equally. Replaces events
    that there are, and the schedule.

    ```mlir
    task.launch @square body @f grid [4] args(@x, @t) reads [@x[i, 0] [1, 8]] writes [@t[i, 0] [1, 8]]
    task.launch @sum body @g grid [2] args(@t, @y) reads [@t[i * 2, 0] [2, 8]] writes [@y[i, 0] [1, 8]]
    // becomes, where parts do not pay,
    task.event @square.done signals 4
    task.launch @square body @f grid [4] args(@x, @t) signals [@square.done] ...
    task.launch @sum body @g grid [2] args(@t, @y) waits [@square.done] ...
    // and where they do
    task.event @square.parts [2] signals 2
    task.launch @square body @f grid [4] args(@x, @t) signals [@square.parts[i floordiv 2]] ...
    task.launch @sum body @g grid [2] args(@t, @y) waits [@square.parts[i]] ...
    ```
  }];
  let options = targetOptions # [
    Option<"events", "events", "std::string", "\"chosen\"",
           "`whole`: one counter per launch; `parts`: as many as there can be; `chosen`: by the cost model">
  ];
}

def ScheduleTasks : Pass<"ingot-schedule-tasks", "::ingot::task::ProgramOp"> {
  let summary = "assign tasks to worker queues";
  let description = [{
    Static list scheduling by the library in runtime/program, with its cost model (`ingot bench --calibrate` measures the
    numbers); writes `task.schedule`.
  }];
  let options = targetOptions;
}

def VerifyProgram : Pass<"ingot-verify-program", "::ingot::task::ProgramOp"> {
  let summary = "prove that a task program is free of races and deadlocks";
  let description = [{
    Runs the verifier in runtime/program on the program; what it does not accept is an error. See docs/task-programs.md for
    what is proved under which assumptions.
  }];
}
