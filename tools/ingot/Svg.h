// Pieces of SVG that the pictures of the command line share.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

namespace ingot::tool::svg {

/// Text by a pattern of printf, at most 511 characters.
template <typename... Values> std::string format(const char *pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

/// `text` as content or attribute of an element.
inline std::string escape(const std::string &text) {
  std::string escaped;
  for (char c : text)
    switch (c) {
    case '<':
      escaped += "&lt;";
      break;
    case '>':
      escaped += "&gt;";
      break;
    case '&':
      escaped += "&amp;";
      break;
    case '"':
      escaped += "&quot;";
      break;
    default:
      // Other control characters have no place in XML.
      escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  return escaped;
}

/// A line of text at a point; `style` holds attributes, with a blank before each.
inline std::string text(double x, double y, const char *style, const std::string &what) {
  return format("<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, style) + escape(what) + "</text>\n";
}

/// A round distance of ticks, of which `length` > 0 has at most `most`.
inline double tickOf(double length, int most) {
  double tick = std::pow(10, std::floor(std::log10(length)));
  for (double factor : {0.1, 0.2, 0.5})
    if (length / (tick * factor) <= most)
      return tick * factor;
  return tick;
}

} // namespace ingot::tool::svg
