// Constants of the zip format (APPNOTE.TXT 6.3) that the writer and the reader share.
#pragma once

#include <cstdint>

namespace ingot::runtime::zip {

inline constexpr uint32_t kLocalSignature = 0x04034b50;
inline constexpr uint32_t kCentralSignature = 0x02014b50;
inline constexpr uint32_t kEnd64Signature = 0x06064b50;
inline constexpr uint32_t kLocator64Signature = 0x07064b50;
inline constexpr uint32_t kEndSignature = 0x06054b50;

inline constexpr uint64_t kLocalSize = 30;
inline constexpr uint64_t kCentralSize = 46;
inline constexpr uint64_t kEnd64Size = 56;
inline constexpr uint64_t kLocator64Size = 20;
inline constexpr uint64_t kEndSize = 22;

inline constexpr uint16_t kZip64Extra = 0x0001;
inline constexpr uint16_t kVersionZip64 = 45;
inline constexpr uint16_t kFlagEncrypted = 1 << 0;
inline constexpr uint16_t kFlagDataDescriptor = 1 << 3;
inline constexpr uint16_t kFlagStrongEncryption = 1 << 6;
inline constexpr uint16_t kFlagUtf8 = 1 << 11;
inline constexpr uint16_t kFlagMaskedHeader = 1 << 13;
inline constexpr uint16_t kMethodStored = 0;
inline constexpr uint16_t kMethodDeflated = 8;
inline constexpr uint16_t kDate1980 = (0 << 9) | (1 << 5) | 1; // years since 1980, month, day

inline constexpr uint32_t kIn64 = 0xffffffff;  // "see the zip64 record" in a 32-bit field
inline constexpr uint16_t kIn64Short = 0xffff; // and in a 16-bit field

} // namespace ingot::runtime::zip
