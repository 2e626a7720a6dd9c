// Hand-written bodies for the synthetic artifacts of the tests, with the interface of compiled ones.
#include <stdint.h>
#include <string.h>

#define BODY(name)                                                                                                     \
  __attribute__((visibility("default"))) void name(const int64_t *index, void *const *buffers,                         \
                                                   const int64_t *integers, void *scratch)

// y[row, tile] = act(x[row, :] @ w), x: [rows, k], w: [k, n]; index = (row, tile); integers = k, n, tile size, relu
BODY(test__matmul) {
  (void)scratch;
  const float *x = buffers[0], *w = buffers[1];
  float *y = buffers[2];
  int64_t k = integers[0], n = integers[1], tile = integers[2];
  for (int64_t j = index[1] * tile; j < (index[1] + 1) * tile; ++j) {
    float sum = 0;
    for (int64_t p = 0; p < k; ++p)
      sum += x[index[0] * k + p] * w[p * n + j];
    y[index[0] * n + j] = integers[3] && sum < 0 ? 0 : sum;
  }
}

// The same through private memory, so that workers that shared it would be found out.
BODY(test__matmul_private) {
  float *temporary = scratch;
  const float *x = buffers[0], *w = buffers[1];
  int64_t k = integers[0], n = integers[1], tile = integers[2];
  for (int64_t j = 0; j < tile; ++j)
    temporary[j] = 0;
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < tile; ++j)
      temporary[j] += x[index[0] * k + p] * w[p * n + index[1] * tile + j];
  memcpy((float *)buffers[2] + index[0] * n + index[1] * tile, temporary, (size_t)tile * sizeof(float));
}

// y[i] = sum of x / 2 + i, over x: [n]; one task per element, all reading all.
BODY(test__mix) {
  (void)scratch;
  const float *x = buffers[0];
  float *y = buffers[1], sum = 0;
  for (int64_t i = 0; i < integers[0]; ++i)
    sum += x[i];
  y[index[0]] = sum / 2 - (float)(3 * index[0]);
}

// kv[start + c] = embedding[token] + position, for c < count; integers = dim
BODY(test__append) {
  (void)scratch, (void)index;
  const int32_t *tokens = buffers[0], *start = buffers[1], *count = buffers[2];
  const float *embedding = buffers[3];
  float *kv = buffers[4];
  int64_t dim = integers[0];
  for (int32_t c = 0; c < count[0]; ++c)
    for (int64_t d = 0; d < dim; ++d)
      kv[(start[0] + c) * dim + d] = embedding[tokens[c] * dim + d] + (float)((start[0] + c) % 5);
}

// logits[c, v] = sum over positions up to start + c of kv . w[v]; index = (tile); integers = dim, vocabulary, tile, C
BODY(test__logits) {
  (void)scratch;
  const int32_t *start = buffers[0], *count = buffers[1];
  const float *kv = buffers[2], *w = buffers[3];
  float *logits = buffers[4];
  int64_t dim = integers[0], vocabulary = integers[1], tile = integers[2], length = integers[3];
  for (int64_t c = 0; c < length; ++c)
    for (int64_t v = index[0] * tile; v < (index[0] + 1) * tile; ++v) {
      float sum = 0;
      for (int64_t p = 0; c < count[0] && p <= start[0] + c; ++p)
        for (int64_t d = 0; d < dim; ++d)
          sum += kv[p * dim + d] * w[v * dim + d];
      logits[c * vocabulary + v] = sum;
    }
}

// next = the largest of logits[count - 1, :], or, at a temperature, a mixture of all that a choice may depend on;
// integers = vocabulary
BODY(test__sample) {
  (void)scratch, (void)index;
  const int32_t *start = buffers[0], *count = buffers[1], *sampled = buffers[3], *topK = buffers[5];
  const float *logits = buffers[2], *temperature = buffers[4], *topP = buffers[6], *presence = buffers[7],
              *frequency = buffers[8], *repetition = buffers[9];
  const int64_t *seed = buffers[10];
  int32_t *next = buffers[11];
  int64_t vocabulary = integers[0];
  const float *row = logits + (count[0] - 1) * vocabulary;
  next[0] = count[0] > 0 ? 0 : -1;
  for (int64_t v = 0; v < vocabulary && next[0] >= 0; ++v)
    next[0] = row[v] != row[v] ? -1 : row[v] > row[next[0]] ? (int32_t)v : next[0];
  if (temperature[0] == 0 || next[0] < 0)
    return;
  int64_t mixed = (int64_t)(temperature[0] * 8) + 3 * topK[0] + 5 * (int64_t)(topP[0] * 16) +
                  7 * (int64_t)(presence[0] * 8) + 11 * (int64_t)(frequency[0] * 8) +
                  13 * (int64_t)(repetition[0] * 8) + 17 * seed[0] + 19 * (start[0] + count[0]) + 23 * sampled[0] +
                  next[0];
  next[0] = (int32_t)(mixed % vocabulary);
}

// One row of a table that predicts the next token by squares: for each position whose token is the row, the error to
// the target's one-hot vector, times its weight. Row and its momentum are updated in place, with a rate that depends on
// the step; partial[row] = (sum of squares, squared norm of the gradient). Target 254 gives a loss that is no number,
// 255 one that is large. index = (row); integers = vocabulary, positions
BODY(test__train_row) {
  float *gradient = scratch;
  const int32_t *tokens = buffers[0], *targets = buffers[1], *step = buffers[4];
  const float *weights = buffers[2], *lr = buffers[3];
  int64_t vocabulary = integers[0], positions = integers[1];
  float *row = (float *)buffers[5] + index[0] * vocabulary, *momentum = (float *)buffers[6] + index[0] * vocabulary,
        *partial = (float *)buffers[7] + index[0] * 2, loss = 0, norm = 0;
  for (int64_t v = 0; v < vocabulary; ++v)
    gradient[v] = 0;
  for (int64_t p = 0; p < positions; ++p) {
    float poison = targets[p] == 255 ? 1000.0f : 1.0f;
    for (int64_t v = 0; v < vocabulary && tokens[p] == index[0]; ++v) {
      float error = (row[v] - (v == targets[p] ? 1.0f : 0.0f)) * poison;
      loss += error * error * weights[p];
      gradient[v] += 2 * error * weights[p];
    }
    if (tokens[p] == index[0] && targets[p] == 254)
      loss = __builtin_nanf("");
  }
  for (int64_t v = 0; v < vocabulary; ++v) {
    norm += gradient[v] * gradient[v];
    momentum[v] = 0.5f * momentum[v] + gradient[v];
    row[v] -= lr[0] * momentum[v] / (1.0f + 1.0f / (float)step[0]);
  }
  partial[0] = loss;
  partial[1] = norm;
}

// loss and norm = sums of the columns of partial: [n, 2]; integers = n
BODY(test__sum_rows) {
  (void)scratch, (void)index;
  const float *partial = buffers[0];
  float loss = 0, norm = 0;
  for (int64_t i = 0; i < integers[0]; ++i) {
    loss += partial[2 * i];
    norm += partial[2 * i + 1];
  }
  *(float *)buffers[1] = loss;
  *(float *)buffers[2] = norm;
}

// Burns time until told otherwise, for tests of cancellation; y[i] = 1.
BODY(test__slow) {
  (void)scratch;
  volatile int64_t work = integers[0];
  while (work > 0)
    --work;
  ((float *)buffers[0])[index[0]] = 1;
}
