// Figures are drawn by gnuplot, as SVG to be put into a page.
#pragma once

#include <string>

namespace scout::bench {

/// The colour of axes and text: becomes the text colour of the page, whatever its theme.
inline constexpr const char* kInk = "#010203";

/// Runs gnuplot on `script`, with the SVG terminal of `width` × `height` points set, and returns the <svg> element. Data go
/// into the script as named blocks. Throws std::runtime_error with gnuplot's message, or saying how to install it.
std::string draw_svg(const std::string& script, int width, int height);

}  // namespace scout::bench
