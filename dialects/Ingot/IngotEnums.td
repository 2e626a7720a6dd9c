// Enums of the `ingot` dialect.
#ifndef INGOT_ENUMS_TD
#define INGOT_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def Ingot_ReduceKind : I32EnumAttr<"ReduceKind", "how a reduction combines elements", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">,
    I32EnumAttrCase<"Min", 2, "min">, I32EnumAttrCase<"Product", 3, "product">,
    I32EnumAttrCase<"Mean", 4, "mean">]> {
  let cppNamespace = "::ingot";
}

def Ingot_GeluKind : I32EnumAttr<"GeluKind", "exact (erf) or tanh approximation of GELU", [
    I32EnumAttrCase<"Erf", 0, "erf">, I32EnumAttrCase<"Tanh", 1, "tanh">]> {
  let cppNamespace = "::ingot";
}

#endif
