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
  let statistics = [Statistic<"numPanels", "num-panels", "parameters stored in panels">];
}

def FormKernels : Pass<"ingot-form-kernels", "::mlir::ModuleOp"> {
  let summary = "turn tensor operations into grids of tasks";
  let description = [{
    Each value that must exist in memory becomes one `scf.forall`, whose body computes one tile of it with `tile` ops.
    Pointwise operations, views and row normalisations are computed where they are used; contractions and attention
    only where no other anchor would repeat them: see docs/rationale/tile.md. Arguments get their stored shapes.

    ```mlir
    %0 = ingot.dot %x, %w contract [1] x [0] : (tensor<1x64xf32>, tensor<64x32xf32>) -> tensor<1x32xf32>
    // becomes
    %0 = scf.forall (%i) in (2) shared_outs(%o = %empty) -> (tensor<1x32xf32>) {
      ... tile.contract ... outs(%slice : tensor<1x16xf32>) ...
    }
    ```
  }];
  let dependentDialects = ["::ingot::tile::TileDialect", "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
      "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numKernels", "num-kernels", "grids formed">];
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
  let statistics = [Statistic<"numBodies", "num-bodies", "bodies after deduplication">,
                    Statistic<"numLaunches", "num-launches", "launches">];
}

def PlaceBuffers : Pass<"ingot-place-buffers", "::ingot::task::ProgramOp"> {
  let summary = "assign arena offsets to scratch buffers";
  let description = [{
    Buffers whose lifetimes in program order do not overlap may share bytes; offsets are multiples of 64. Largest first,
    lowest fitting offset.
  }];
  let statistics = [Statistic<"arenaBytes", "arena-bytes", "size of the arena">];
}

def SyncTasks : Pass<"ingot-sync-tasks", "::ingot::task::ProgramOp"> {
  let summary = "order conflicting launches by events";
  let description = [{
    A launch waits for each earlier launch with which it conflicts (a write of one overlaps an access of the other, also
    through shared arena bytes), unless an awaited launch already did. One event per launch that others wait for; it
    counts all tasks of the launch.
  }];
  let statistics = [Statistic<"numEvents", "num-events", "events">, Statistic<"numWaits", "num-waits", "waits">];
}

def ScheduleTasks : Pass<"ingot-schedule-tasks", "::ingot::task::ProgramOp"> {
  let summary = "assign tasks to worker queues";
  let description = [{
    Static list scheduling by the library in runtime/program; writes `task.schedule`.
  }];
  let options = [Option<"workers", "workers", "unsigned", "2", "number of worker queues">];
}

def VerifyProgram : Pass<"ingot-verify-program", "::ingot::task::ProgramOp"> {
  let summary = "prove that a task program is free of races and deadlocks";
  let description = [{
    Runs the verifier in runtime/program on the program; what it does not accept is an error. See docs/task-programs.md for
    what is proved under which assumptions.
  }];
}
