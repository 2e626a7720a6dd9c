// Comparing and printing what interpreted programs give.
#pragma once

#include "ingot/Interpreter/Interpreter.h"

#include "llvm/Support/raw_ostream.h"

/// The largest absolute difference of two arrays of one shape; two NaNs or two equal infinities differ by 0, one NaN by
/// infinity.
double maxDifference(const ingot::interpreter::Array &left, const ingot::interpreter::Array &right);

/// Prints "NAME: max abs difference D" per name of either side, and returns whether all are present on both sides, of
/// one shape and kind, and at most `tolerance` apart.
bool compareArrays(const ingot::interpreter::Arrays &left, const ingot::interpreter::Arrays &right, double tolerance,
                   llvm::StringRef what, llvm::raw_ostream &os);

/// Prints "NAME: f32 [2, 2] 1 2 3 4" per array, sorted by name; floats with so many significant digits.
void printArrays(const ingot::interpreter::Arrays &arrays, unsigned digits, llvm::raw_ostream &os);
