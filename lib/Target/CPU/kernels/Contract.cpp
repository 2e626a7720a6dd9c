// Micro-kernels of `tile.contract`: a block of the result in registers, one chain of multiply-adds per element in order
// of the reduction index, so that no bit depends on the block.
#include "lib/Target/CPU/kernels/BFloat16.h"
#include "lib/Target/CPU/kernels/Vector.h"

using namespace ingot::kernels;

namespace {

constexpr int kMaxRows = 12, kMaxColumns = 16;

/// Which columns a block has: `panels` groups of neighbouring columns, each of `vectors` whole registers and `tail`
/// more lanes. Constants of the call.
struct Columns {
  int panels, vectors, tail;
};

KERNEL_INLINE int registersPerPanel(Columns columns) { return columns.vectors + (columns.tail > 0); }
KERNEL_INLINE int lanesOf(Columns columns, int vector) { return vector < columns.vectors ? kLanes : columns.tail; }

/// Sums of a block: register `p * registersPerPanel + v` of row i.
struct Sums {
  Floats of[kMaxRows][kMaxColumns];
};

KERNEL_INLINE void clear(Sums &sums, Columns columns, int rows) {
  KERNEL_UNROLL for (int i = 0; i < rows; ++i)
      KERNEL_UNROLL for (int v = 0; v < columns.panels * registersPerPanel(columns); ++v) sums.of[i][v] = splat(0);
}

/// Writes the block to rows of `c`, rounded to its element type.
template <typename Out>
KERNEL_INLINE void store(Out *c, Int row, Int panel, const Sums &sums, Columns columns, int rows) {
  int perPanel = registersPerPanel(columns);
  KERNEL_UNROLL for (int i = 0; i < rows; ++i) KERNEL_UNROLL for (int p = 0; p < columns.panels; ++p)
      KERNEL_UNROLL for (int v = 0; v < perPanel; ++v)
          storeFloats(c + i * row + p * panel + v * kLanes, sums.of[i][p * perPanel + v], lanesOf(columns, v));
}

/// As `store`, of sums whose pairs of whole registers are interleaved as `widenPair` leaves them.
template <typename Out>
KERNEL_INLINE void storeInterleaved(Out *c, Int row, Int panel, Sums &sums, Columns columns, int rows) {
  KERNEL_UNROLL for (int i = 0; i < rows; ++i) KERNEL_UNROLL for (int p = 0; p < columns.panels; ++p)
      KERNEL_UNROLL for (int v = 0; v + 1 < columns.vectors; v += 2) {
    int at = p * registersPerPanel(columns) + v;
    deinterleave(sums.of[i][at], sums.of[i][at + 1]);
  }
  store(c, row, panel, sums, columns, rows);
}

/// One row of the right operand in registers.
struct Row {
  Words of[kMaxColumns];
};

/// Loads the columns of row `b` (of elements 2l) and, with `both`, of `b + step` (elements 2l + 1) as pairs.
KERNEL_INLINE Row loadPairs(const Half *b, Int panel, Int step, bool both, Columns columns) {
  Row row;
  int perPanel = registersPerPanel(columns);
  KERNEL_UNROLL for (int p = 0; p < columns.panels; ++p) {
    KERNEL_UNROLL for (int v = 0; v + 1 < columns.vectors; v += 2) {
      const Half *at = b + p * panel + v * kLanes;
      interleaveWide(at, both ? at + step : nullptr, row.of[p * perPanel + v], row.of[p * perPanel + v + 1]);
    }
    KERNEL_UNROLL for (int v = columns.vectors / 2 * 2; v < perPanel; ++v) {
      const Half *at = b + p * panel + v * kLanes;
      row.of[p * perPanel + v] = interleave(at, both ? at + step : nullptr, lanesOf(columns, v));
    }
  }
  return row;
}

/// Adds two steps (one without `both`) of the reduction to the sums of every row.
KERNEL_INLINE void addPairs(Sums &sums, const Half *a, Int aRow, const Row &b, bool both, Columns columns, int rows) {
  int registers = columns.panels * registersPerPanel(columns);
#if defined(__AVX512BF16__)
  KERNEL_UNROLL for (int i = 0; i < rows; ++i) {
    Words x = splatPair(a + i * aRow, both);
    KERNEL_UNROLL for (int v = 0; v < registers; ++v) sums.of[i][v] = multiplyAddPairs(x, b.of[v], sums.of[i][v]);
  }
#else
  KERNEL_UNROLL for (int i = 0; i < rows; ++i) {
    Floats x = first(splatPair(a + i * aRow, both));
    KERNEL_UNROLL for (int v = 0; v < registers; ++v) sums.of[i][v] = fma(x, first(b.of[v]), sums.of[i][v]);
  }
  if (both)
    KERNEL_UNROLL for (int i = 0; i < rows; ++i) {
      Floats x = second(splatPair(a + i * aRow, both));
      KERNEL_UNROLL for (int v = 0; v < registers; ++v) sums.of[i][v] = fma(x, second(b.of[v]), sums.of[i][v]);
    }
#endif
}

template <typename Out>
KERNEL_INLINE void contractBF16(const Half *__restrict a, Int aRow, const Half *__restrict b, Int bPanel, Int bStep,
                                Out *__restrict c, Int cRow, Int cPanel, Int k, int rows, Columns columns) {
  Sums sums;
  clear(sums, columns, rows);
  KERNEL_LOOP for (Int l = 0; l + 1 < k; l += 2)
      addPairs(sums, a + l, aRow, loadPairs(b + l * bStep, bPanel, bStep, true, columns), true, columns, rows);
  if (k % 2 != 0)
    addPairs(sums, a + k - 1, aRow, loadPairs(b + (k - 1) * bStep, bPanel, bStep, false, columns), false, columns,
             rows);
  storeInterleaved(c, cRow, cPanel, sums, columns, rows);
}

} // namespace

// All: c[i, p, j] = sum over l of a[i, l] * b[p, l, j]; strides in elements, all integers constants at the call.

KERNEL_ENTRY void ingot_contract_f32(const float *__restrict a, Int aRow, Int aStep, const float *__restrict b,
                                     Int bPanel, Int bStep, float *__restrict c, Int cRow, Int cPanel, Int k, Int rows,
                                     Int panels, Int vectors, Int tail) {
  Columns columns = {static_cast<int>(panels), static_cast<int>(vectors), static_cast<int>(tail)};
  int perPanel = registersPerPanel(columns);
  Sums sums;
  clear(sums, columns, static_cast<int>(rows));
  KERNEL_LOOP for (Int l = 0; l < k; ++l) {
    Floats elements[kMaxColumns];
    KERNEL_UNROLL for (int p = 0; p < columns.panels; ++p) KERNEL_UNROLL for (int v = 0; v < perPanel; ++v)
        elements[p * perPanel + v] = loadFloats(b + p * bPanel + l * bStep + v * kLanes, lanesOf(columns, v));
    KERNEL_UNROLL for (int i = 0; i < rows; ++i) {
      Floats x = splat(a[i * aRow + l * aStep]);
      KERNEL_UNROLL for (int v = 0; v < columns.panels * perPanel; ++v) sums.of[i][v] =
          fma(x, elements[v], sums.of[i][v]);
    }
  }
  store(c, cRow, cPanel, sums, columns, static_cast<int>(rows));
}

// Elements of a row of `a` lie side by side.

KERNEL_ENTRY void ingot_contract_bf16_f32(const Half *__restrict a, Int aRow, const Half *__restrict b, Int bPanel,
                                          Int bStep, float *__restrict c, Int cRow, Int cPanel, Int k, Int rows,
                                          Int panels, Int vectors, Int tail) {
  contractBF16(a, aRow, b, bPanel, bStep, c, cRow, cPanel, k, static_cast<int>(rows),
               {static_cast<int>(panels), static_cast<int>(vectors), static_cast<int>(tail)});
}

KERNEL_ENTRY void ingot_contract_bf16_bf16(const Half *__restrict a, Int aRow, const Half *__restrict b, Int bPanel,
                                           Int bStep, Half *__restrict c, Int cRow, Int cPanel, Int k, Int rows,
                                           Int panels, Int vectors, Int tail) {
  contractBF16(a, aRow, b, bPanel, bStep, c, cRow, cPanel, k, static_cast<int>(rows),
               {static_cast<int>(panels), static_cast<int>(vectors), static_cast<int>(tail)});
}
