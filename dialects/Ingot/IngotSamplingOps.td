// Operations of the `ingot` dialect: from logits to the next token.
#ifndef INGOT_SAMPLING_OPS_TD
#define INGOT_SAMPLING_OPS_TD

include "dialects/Ingot/IngotAttentionOps.td"

def Ingot_CountTokensOp : Ingot_Op<"count_tokens", [Pure, AllTypesMatch<["counts", "result"]>,
    AllTypesMatch<["start", "count", "sampled"]>]> {
  let summary = "counts the tokens that a sequence has had";
  let description = [{
    `counts` is [slot, prompt|sampled, vocabulary]: how often each token occurs among the tokens of the prompt and among
    those that were sampled. The result counts also tokens[b, c] for c < count[b]: the first sampled[b] of them as
    sampled, the others as prompt. A slot with start[b] = 0 and count[b] > 0 begins a new sequence: its counts are zero
    before. Tokens outside the vocabulary are not counted. Plan updates the counts in place.

    Preconditions: `start`, `count` and `sampled` are [slot], `tokens` is [slot, rows].

    Example:
    ```mlir
    %n1 = ingot.count_tokens %tokens into %n0 start %start count %count sampled %sampled
        : tensor<1x64xi32>, tensor<1x2x512xi32>, tensor<1xi32>
    ```
  }];
  let arguments = (ins Ingot_I32Tensor:$tokens, Ingot_I32Tensor:$counts, Ingot_I32Tensor:$start,
      Ingot_I32Tensor:$count, Ingot_I32Tensor:$sampled);
  let results = (outs Ingot_I32Tensor:$result);
  let assemblyFormat = [{
    $tokens `into` $counts `start` $start `count` $count `sampled` $sampled attr-dict
    `:` type($tokens) `,` type($counts) `,` type($start)
  }];
  let hasVerifier = 1;
}

def Ingot_SampleOp : Ingot_Op<"sample", [Pure, InferTypeOpAdaptor]> {
  let summary = "chooses the next token of each sequence";
  let description = [{
    `result[b]` is chosen from row min(count[b], rows) - 1 of `logits` ([slot, rows, vocabulary]): rows are those of the
    step, or one alone, of the last token. What all other operands say
    about slot b ([slot] each, `counts` as in `ingot.count_tokens`) concerns that slot alone. In this order, in float32:

    1. Penalties (`repetition` as in arXiv:1909.05858): a token that has occurred has its logit divided by `repetition`
       if it is positive, else multiplied (0 means 1); then `frequency` times the number of times that it was sampled
       and, if it was sampled, `presence` are subtracted.
    2. With `temperature` 0 the largest logit is taken, of equal ones the lowest token. The same happens where the
       largest is infinite. Otherwise token i has the weight exp((logit[i] - max) / temperature).
    3. `top_k` > 0 keeps the k largest weights.
    4. 0 < `top_p` < 1 keeps, of these, the fewest largest whose sum reaches top_p of theirs (arXiv:1904.09751).
       Among equal weights lower tokens come first, in 3 and 4.
    5. A token is drawn with probability in proportion to the weights kept: the first one at which the sum of the
       weights, in order of the vocabulary, exceeds u times the sum of all. u in [0, 1) has 53 bits: the upper ones of
       the first two words of Philox4x32-10 (Salmon et al., SC 2011) with key seed[b] and counter start[b] + count[b],
       which is the position of the chosen token. So a choice does not depend on the batch that it is part of.

    The token is -1 where a logit is NaN and where count[b] < 1.

    Example:
    ```mlir
    %next = ingot.sample %logits start %start count %count counts %n1 temperature %t top_k %k top_p %p
        presence %pp frequency %fp repetition %rp seed %seed
        : (tensor<1x64x512xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1x2x512xi32>, tensor<1xf32>, tensor<1xi32>,
           tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xi64>) -> tensor<1xi32>
    ```
  }];
  let arguments = (ins Ingot_FloatTensor:$logits, Ingot_I32Tensor:$start, Ingot_I32Tensor:$count,
      Ingot_I32Tensor:$counts, Ingot_F32Tensor:$temperature, Ingot_I32Tensor:$top_k, Ingot_F32Tensor:$top_p,
      Ingot_F32Tensor:$presence, Ingot_F32Tensor:$frequency, Ingot_F32Tensor:$repetition,
      RankedTensorOf<[I64]>:$seed);
  let results = (outs Ingot_I32Tensor:$result);
  let assemblyFormat = [{
    $logits `start` $start `count` $count `counts` $counts `temperature` $temperature `top_k` $top_k `top_p` $top_p
    `presence` $presence `frequency` $frequency `repetition` $repetition `seed` $seed attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif
