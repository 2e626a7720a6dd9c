// Passes of Model, in the order in which ModelPipeline.cpp runs them.
include "mlir/Pass/PassBase.td"

def Simplify : Pass<"ingot-simplify", "::mlir::ModuleOp"> {
  let summary = "fold constants and remove what changes nothing";
  let description = [{
    Canonicalises, with these additions: operations on constants are computed (by the interpreter's definition of each
    operation, rounded to its type) if the result has at most `max-bytes` bytes; pairs of transposes and of broadcasts
    merge; a broadcast takes over the unit dimensions that a reshape adds; a contraction takes over a transpose of its
    result; slices move up through pointwise operations and concatenations; `gather` looks through widened indices.
    Numbers stay what they are to the bit: `x * 1` and `x + (-0)` vanish, `x + 0` does not, because it turns -0
    into 0.

    ```mlir
    %0 = ingot.transpose %x permutation [0, 2, 1] : (tensor<1x4x8xf32>) -> tensor<1x8x4xf32>
    %1 = ingot.transpose %0 permutation [2, 0, 1] : (tensor<1x8x4xf32>) -> tensor<4x1x8xf32>
    // becomes
    %1 = ingot.transpose %x permutation [1, 0, 2] : (tensor<1x4x8xf32>) -> tensor<4x1x8xf32>
    ```
  }];
  let options = [Option<"maxBytes", "max-bytes", "int64_t", "65536", "largest constant that is computed">];
}

def Raise : InterfacePass<"ingot-raise", "::mlir::FunctionOpInterface"> {
  let summary = "raise decomposed forms to named operations";
  let description = [{
    Finds RMSNorm, LayerNorm, SiLU, GELU (erf and tanh), softmax and rotary embedding in the forms that exporters write
    and replaces them by `ingot.rms_norm`, `layer_norm`, `silu`, `gelu`, `softmax` and `rope`. Matching is by formula: a
    candidate is expanded into a quotient of polynomials over the values that the named operation would read, so
    order, association, negation, powers and the choice between `x / sqrt(v)` and `x * rsqrt(v)` do not matter, nor do
    the reshapes, broadcasts, transposes and slices between the steps. Only what is equal in exact arithmetic is raised;
    constants that are irrational (such as sqrt(2 / pi)) may be rounded to float32. `eps` is taken as it is.

    ```mlir
    %0 = arith.negf %x : tensor<1x4xf32>
    %1 = math.exp %0 : tensor<1x4xf32>
    %2 = arith.addf %1, %one : tensor<1x4xf32>
    %3 = arith.divf %one, %2 : tensor<1x4xf32>
    %y = arith.mulf %x, %3 : tensor<1x4xf32>
    // becomes
    %y = ingot.silu %x : tensor<1x4xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def FuseAttention : InterfacePass<"ingot-fuse-attention", "::mlir::FunctionOpInterface"> {
  let summary = "fuse contractions around a softmax into attention";
  let description = [{
    Two contractions with a softmax between them become `ingot.attention`: scale factors (on the scores, the queries or
    the keys), additive and selecting masks, and heads of keys and values that are repeated for groups of query heads.
    A mask that is known at compile time and shows row c of C rows the first S - C + c + 1 of S keys is `causal`; one
    that shows everything vanishes; every other becomes a `bias`.

    A mask hides with -inf. Exporters also hide with large finite numbers; with `finite-masks` numbers <= -10000 hide
    too. That is exact in float32 as long as the scores of a row differ by less than 9,800, since exp(-104) is 0. A mask
    that hides whole rows is never `causal`; as a bias it keeps its finite number, so that such rows stay free of NaN.

    ```mlir
    %s = ingot.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3]
        : (tensor<1x8x4x16xf32>, tensor<1x8x4x16xf32>) -> tensor<1x8x4x4xf32>
    %t = arith.divf %s, %four : tensor<1x8x4x4xf32>
    %p = ingot.softmax %t : tensor<1x8x4x4xf32>
    %o = ingot.dot %p, %v batch [0, 1] x [0, 1] contract [3] x [2]
        : (tensor<1x8x4x4xf32>, tensor<1x8x4x16xf32>) -> tensor<1x8x4x16xf32>
    // becomes
    %0 = ingot.transpose %q permutation [0, 2, 1, 3] : (tensor<1x8x4x16xf32>) -> tensor<1x4x8x16xf32>
    %1 = ingot.attention %0, %k, %v scale 0.25
        : (tensor<1x4x8x16xf32>, tensor<1x8x4x16xf32>, tensor<1x8x4x16xf32>) -> tensor<1x4x8x16xf32>
    %o = ingot.transpose %1 permutation [0, 2, 1, 3] : (tensor<1x4x8x16xf32>) -> tensor<1x8x4x16xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
  let options = [Option<"finiteMasks", "finite-masks", "bool", "true", "numbers <= -10000 hide as -inf does">];
}

def KvInPlace : Pass<"ingot-kv-in-place", "::mlir::ModuleOp"> {
  let summary = "turn past and present of a decoder into state";
  let description = [{
    An entry with inputs `past_key_values.N.key` and `.value` and outputs `present.N.key` and `.value`, as ONNX decoders
    have them, concatenates past and new rows and attends to them. Afterwards it appends the new rows to one state
    [layer, k|v, slot, kv_head, max_seq, d], max_seq = past + rows, that all entries share, and attends to that:

    - past and present leave the signature, and the state joins it;
    - `input_ids` become `tokens` (i32), with the roles of the decoder contract; `start` and `count` join;
    - `position_ids`, or constant positions past, past + 1, ..., become `ingot.positions %start`;
    - `attention_mask` becomes ones, since `start` and `count` say what is there;
    - masks that are causal under these meanings become `causal`.

    The entry computes the same whenever the past is exactly full: start = past, count = rows. What else it could
    compute with a fixed past is not kept: that is the purpose.

    Errors: a part of this pattern without the rest, e.g. "expects an output 'present.0.key', but got none".

    ```mlir
    %k1 = tensor.concat dim(2) %past_k, %k : (tensor<1x4x511x8xf32>, tensor<1x4x1x8xf32>) -> tensor<1x4x512x8xf32>
    %o = ingot.attention %q, %k1, %v1 causal scale 0.35 : ...
    // becomes
    %kv1 = ingot.kv_append %k_rows, %v_rows into %kv layer 0 start %start count %count : ...
    %keys = tensor.extract_slice %kv1[0, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : ...
    %o = ingot.attention %q, %keys, %values start %start count %count causal scale 0.35 : ...
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
  let options = [Option<"stateName", "state", "std::string", "\"kv\"", "symbol of the state">,
    Option<"finiteMasks", "finite-masks", "bool", "true", "numbers <= -10000 hide as -inf does">];
}

def MixedPrecision : Pass<"ingot-mixed-precision", "::mlir::ModuleOp"> {
  let summary = "compute a float32 model in bfloat16";
  let description = [{
    Weights, the KV cache and what is stored between kernels become bfloat16; sums and arithmetic stay float32. The
    policy is a table by operation (lib/Model/PrecisionPolicy.cpp):

    - contractions, attention, tables of embeddings, caches, and the rows that norms and rotary embedding take and
      give: bfloat16. Contractions sum in float32; their result is rounded once where it is stored, and not at all where
      pointwise arithmetic takes it;
    - pointwise arithmetic, softmax, reductions, scales and biases of norms, tables of angles, biases of attention,
      contractions over a single element (outer products, such as positions by frequencies), and every operation that
      the table does not know: float32;
    - operations that copy elements: the type of what they copy.

    A float32 value that some operation takes in bfloat16 is rounded (to nearest even) where it is defined, and all
    operations read the rounded value: the residual stream is stored once. A parameter or state is declared in
    bfloat16 if some entry takes it so, and its data are rounded when they are packed. Inputs and outputs keep their
    types: logits stay float32.

    ```mlir
    ingot.param @w : tensor<32x16xf32>
    %0 = ingot.rms_norm %x, %scale eps 1.0e-5 : tensor<4x16xf32>, tensor<16xf32>
    %1 = ingot.dot %0, %w contract [1] x [1] : (tensor<4x16xf32>, tensor<32x16xf32>) -> tensor<4x32xf32>
    %2 = ingot.silu %1 : tensor<4x32xf32>
    %3 = ingot.dot %2, %v contract [1] x [1] : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
    // becomes
    ingot.param @w : tensor<32x16xbf16>
    %x0 = arith.truncf %x : tensor<4x16xf32> to tensor<4x16xbf16>
    %0 = ingot.rms_norm %x0, %scale eps 1.0e-5 : tensor<4x16xbf16>, tensor<16xf32>
    %1 = ingot.dot %0, %w contract [1] x [1] : (tensor<4x16xbf16>, tensor<32x16xbf16>) -> tensor<4x32xf32>
    %2 = ingot.silu %1 : tensor<4x32xf32>
    %20 = arith.truncf %2 : tensor<4x32xf32> to tensor<4x32xbf16>
    %3 = ingot.dot %20, %v contract [1] x [1] : (tensor<4x32xbf16>, tensor<8x32xbf16>) -> tensor<4x8xf32>
    ```

    Errors: "'scf.for' op in mixed precision is not supported yet", and so for each operation with a region or a call;
    "expects a compute type of bf16, but got 'fp8'".
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let options = [Option<"compute", "compute", "std::string", "\"bf16\"", "compute type: bf16">];
}

def LastRowLogits : Pass<"ingot-last-row-logits", "::mlir::ModuleOp"> {
  let summary = "let prompts compute the logits of the last token alone";
  let description = [{
    An entry with inputs of roles tokens [batch, rows] and count [batch] and an output of role logits [batch, rows,
    vocabulary] gives, with more than one row, the logits of row count[b] - 1 alone, [batch, 1, vocabulary]: whoever
    continues a sequence needs no others. The choice of the row moves up through everything that maps rows to rows
    (contractions with weights, norms, pointwise and shape operations), as long as nobody needs other rows. It ends at
    what mixes rows (attention) or is needed as a whole (the residual stream before the last attention), and becomes
    `ingot.last_row` there. So the head, the last norm and the last layer behind its attention work on one row, as a
    step of one token does.

    Entries that already choose a token (an output of role next) stay as they are.

    ```mlir
    %0 = arith.addf %x, %attended : tensor<1x64x288xf32>
    %1 = ingot.rms_norm %0, %scale eps 1.0e-5 : tensor<1x64x288xf32>, tensor<288xf32>
    %logits = ingot.dot %1, %w contract [2] x [1] : (tensor<1x64x288xf32>, tensor<512x288xf32>) -> tensor<1x64x512xf32>
    // becomes
    %x1 = ingot.last_row %x count %count : (tensor<1x64x288xf32>, tensor<1xi32>) -> tensor<1x1x288xf32>
    %attended1 = ingot.last_row %attended count %count : (tensor<1x64x288xf32>, tensor<1xi32>) -> tensor<1x1x288xf32>
    %0 = arith.addf %x1, %attended1 : tensor<1x1x288xf32>
    %1 = ingot.rms_norm %0, %scale eps 1.0e-5 : tensor<1x1x288xf32>, tensor<288xf32>
    %logits = ingot.dot %1, %w contract [2] x [1] : (tensor<1x1x288xf32>, tensor<512x288xf32>) -> tensor<1x1x512xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def AddSampling : Pass<"ingot-add-sampling", "::mlir::ModuleOp"> {
  let summary = "let decoder entries choose the next token";
  let description = [{
    An entry with inputs of roles tokens, start and count (int32) and an output of role logits counts its tokens and
    samples from the logits of the last one. The token is a further output, of role next. The parameters of the choice
    are further inputs, one number for each slot of the batch, behind all others: sampled (how many of the step's tokens,
    from the first, were sampled), temperature, top_k, top_p, presence_penalty, frequency_penalty, repetition_penalty and
    seed, which is also their role. All zero means the largest logit. Entries share the state `token_counts`.

    Errors: another symbol of the state's name.

    ```mlir
    func.func @decode(%tokens, %start, %count, ...) { ... return %logits, %kv }
    // becomes
    ingot.state @token_counts init 0.0 : tensor<1x2x512xi32>
    func.func @decode(%tokens, %start, %count, ..., %sampled, %temperature, ..., %seed, %counts) {
      ...
      %0 = ingot.count_tokens %tokens into %counts start %start count %count sampled %sampled : ...
      %next = ingot.sample %logits start %start count %count counts %0 temperature %temperature ... seed %seed : ...
      return %logits, %kv, %next, %0
    }
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
  let options = [Option<"stateName", "state", "std::string", "\"token_counts\"", "symbol of the state">];
}

def HoistConstants : Pass<"ingot-hoist-constants", "::mlir::ModuleOp"> {
  let summary = "turn constant tensors into parameters";
  let description = [{
    A constant tensor that is not a splat becomes an `ingot.param` with a value, which entries receive as an argument:
    tasks read memory, not the program's text. Equal constants share one parameter. Splats stay: they cost nothing.
    The attribute `ingot.constant` tells it from a weight: files of weights do not have it.

    ```mlir
    %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
    // becomes
    ingot.param @const.0 = dense<[1.0, 2.0]> : tensor<2xf32> {ingot.constant}
    func.func @main(..., %c: tensor<2xf32> {ingot.param = @const.0})
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}
