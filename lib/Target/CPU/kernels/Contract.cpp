// Micro-kernels of `tile.contract`: a block of the result in registers, one chain of multiply-adds per element.
#include "lib/Target/CPU/kernels/Vector.h"

using namespace ingot::kernels;

namespace {

constexpr int kMaxRows = 14, kMaxColumns = 16;

/// Which columns a register block has: `panels` groups of neighbouring columns, each of `vectors` whole registers and
/// `tail` more lanes. Constants of the call.
struct Columns {
  int panels, vectors, tail;
};

KERNEL_INLINE int registersPerPanel(Columns columns) { return columns.vectors + (columns.tail > 0); }
KERNEL_INLINE int lanesOf(Columns columns, int vector) { return vector < columns.vectors ? kLanes : columns.tail; }

} // namespace

/// c[i, p, j] = sum over l of a[i, l] * b[p, l, j], plus c[i, p, j] if `accumulate`; strides in elements. The chain is
/// in order of l. All integers but `k` are constants at the call.
KERNEL_ENTRY void ingot_contract_f32(const float *__restrict a, Int aRow, Int aStep, const float *__restrict b,
                                     Int bPanel, Int bStep, float *__restrict c, Int cRow, Int cPanel, Int k, Int rows,
                                     Int panels, Int vectors, Int tail, Int accumulate) {
  Columns columns = {static_cast<int>(panels), static_cast<int>(vectors), static_cast<int>(tail)};
  int perPanel = registersPerPanel(columns);
  Floats sums[kMaxRows][kMaxColumns];
  KERNEL_UNROLL for (int i = 0; i < rows; ++i) KERNEL_UNROLL for (int p = 0; p < columns.panels; ++p)
      KERNEL_UNROLL for (int v = 0; v < perPanel; ++v) sums[i][p * perPanel + v] =
          accumulate ? loadFloats(c + i * cRow + p * cPanel + v * kLanes, lanesOf(columns, v)) : splat(0);
  KERNEL_LOOP for (Int l = 0; l < k; ++l) {
    Floats elements[kMaxColumns];
    KERNEL_UNROLL for (int p = 0; p < columns.panels; ++p) KERNEL_UNROLL for (int v = 0; v < perPanel; ++v)
        elements[p * perPanel + v] = loadFloats(b + p * bPanel + l * bStep + v * kLanes, lanesOf(columns, v));
    KERNEL_UNROLL for (int i = 0; i < rows; ++i) {
      Floats x = splat(a[i * aRow + l * aStep]);
      KERNEL_UNROLL for (int v = 0; v < columns.panels * perPanel; ++v) sums[i][v] = fma(x, elements[v], sums[i][v]);
    }
  }
  KERNEL_UNROLL for (int i = 0; i < rows; ++i) KERNEL_UNROLL for (int p = 0; p < columns.panels; ++p)
      KERNEL_UNROLL for (int v = 0; v < perPanel; ++v)
          storeFloats(c + i * cRow + p * cPanel + v * kLanes, sums[i][p * perPanel + v], lanesOf(columns, v));
}
