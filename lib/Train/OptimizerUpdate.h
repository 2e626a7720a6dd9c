// One parameter's update by an optimizer, as operations on tensors.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace ingot {

enum class OptimizerKind { Sgd, Adam, AdamW };

/// "sgd", "adam" or "adamw"; nothing for another text.
std::optional<OptimizerKind> parseOptimizerKind(llvm::StringRef text);

/// What an optimizer does. Numbers are rounded to float32 where they become constants.
struct OptimizerRule {
  OptimizerKind kind = OptimizerKind::AdamW;
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, momentum = 0.9, weightDecay = 0.0;

  /// Suffixes of the names of the states that a parameter has beside its value.
  llvm::ArrayRef<llvm::StringLiteral> momentSuffixes() const;
};

/// Builds the updates of one step; scalars that all parameters share are built once.
class OptimizerUpdate {
public:
  /// `lr` is tensor<f32>, `step` tensor<i32> and counts from 1.
  OptimizerUpdate(mlir::ImplicitLocOpBuilder &builder, const OptimizerRule &rule, mlir::Value lr, mlir::Value step);

  /// The new value of the parameter and then of its moments.
  llvm::SmallVector<mlir::Value> apply(mlir::Value weight, mlir::Value gradient, llvm::ArrayRef<mlir::Value> moments,
                                       bool decays);
  /// value * factor, a tensor<f32> that is repeated.
  mlir::Value scaled(mlir::Value value, mlir::Value factor);

private:
  llvm::SmallVector<mlir::Value> applySgd(mlir::Value weight, mlir::Value gradient,
                                          llvm::ArrayRef<mlir::Value> moments);
  llvm::SmallVector<mlir::Value> applyAdam(mlir::Value weight, mlir::Value gradient,
                                           llvm::ArrayRef<mlir::Value> moments);
  /// 1 - beta^step
  mlir::Value biasCorrection(double beta);
  /// before * beta + value * (1 - beta)
  mlir::Value average(mlir::Value before, mlir::Value value, double beta);
  mlir::Value constant(mlir::Type type, double value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);

  mlir::ImplicitLocOpBuilder &builder;
  const OptimizerRule &rule;
  mlir::Value lr, step;
  mlir::Value keep;        // 1 - lr * weight decay
  mlir::Value rate;        // lr / (1 - beta1^step)
  mlir::Value rootInverse; // 1 / sqrt(1 - beta2^step)
};

} // namespace ingot
