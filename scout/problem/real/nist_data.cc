#include "scout/problem/real/nist_data.h"

#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>

namespace scout {
namespace {

/// First and last line, counted from 1, of what the header says is at "WHAT (lines A to B)".
std::pair<std::size_t, std::size_t> lines_of(std::string_view text, const std::string& what) {
  const auto at = text.find(what + " ");
  if (at == text.npos) throw std::invalid_argument("no '" + what + "'");
  std::istringstream rest{std::string(text.substr(text.find("lines", at) + 5, 20))};
  rest.imbue(std::locale::classic());
  std::size_t first = 0, last = 0;
  std::string to;
  rest >> first >> to >> last;
  if (!rest || first == 0 || last < first) throw std::invalid_argument("no lines of '" + what + "'");
  return {first, last};
}

std::vector<double> numbers(std::string line) {
  if (const auto equals = line.find('='); equals != line.npos) line.erase(0, equals + 1);
  std::istringstream stream(line);
  stream.imbue(std::locale::classic());
  std::vector<double> out;
  for (double x; stream >> x;) out.push_back(x);
  return out;
}

}  // namespace

NistData parse_nist(std::string_view name, std::string_view text) {
  try {
    std::vector<std::string> lines;
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    NistData out;
    out.name = name;
    const auto [first, last] = lines_of(text, "Starting Values");
    for (std::size_t i = first; i <= last; ++i) {
      const auto row = numbers(lines.at(i - 1));  // two starts, the certified value, its standard deviation
      out.starts[0].push_back(row.at(0));
      out.starts[1].push_back(row.at(1));
      out.certified.push_back(row.at(2));
    }
    for (const std::string& line : lines) {
      constexpr std::string_view kSum = "Residual Sum of Squares:";
      if (line.starts_with(kSum)) out.certified_sum = numbers(line.substr(kSum.size())).at(0);
    }
    const auto [data, end] = lines_of(text, "Data             ");
    for (std::size_t i = data; i <= end; ++i) {
      const auto row = numbers(lines.at(i - 1));
      out.response.push_back(row.at(0));
      out.predictor.insert(out.predictor.end(), row.begin() + 1, row.end());
    }
    out.predictors = static_cast<int>(out.predictor.size() / out.response.size());
    if (out.certified_sum <= 0 || out.predictors < 1) throw std::invalid_argument("no sum of squares, or no predictor");
    return out;
  } catch (const std::logic_error& error) {
    throw std::invalid_argument("NIST data set '" + std::string(name) + "': " + error.what());
  }
}

}  // namespace scout
