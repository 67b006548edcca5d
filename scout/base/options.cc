#include "scout/base/options.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <toml.hpp>

#include "scout/base/json_lines.h"
#include "scout/base/names.h"
#include "scout/base/numbers.h"

namespace scout {
namespace {

/// The shortest text that reads back as `x`: 1, 0.1, 1e-05.
std::string number_text(double x) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), x);
  return error == std::errc{} ? std::string(buffer, end) : std::to_string(x);
}

/// No more than these are listed in an error.
constexpr std::size_t kFewOptions = 16;

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }

// toml11 reads numbers, and writes dates, through streams, which take decimal point and grouping of the global locale.
#if TOML11_VERSION_MAJOR >= 4
struct TomlTypes : toml::type_config {
  static toml::result<double, toml::error_info> parse_float(const std::string& text, const toml::source_location place,
                                                            bool) {
    if (const auto number = parse_number(text)) return toml::ok(*number);
    return toml::err(toml::make_error_info("not a number", place, "here"));
  }
};
using TomlValue = toml::basic_value<TomlTypes>;
TomlValue parse_toml(std::istream& file, const std::string& path) { return toml::parse<TomlTypes>(file, path); }
double number_of(const TomlValue& value) { return value.as_floating(); }
std::string text_of(const TomlValue& value) { return toml::format(value); }
#else
using TomlValue = toml::value;
TomlValue parse_toml(std::istream& file, const std::string& path) { return toml::parse(file, path); }
/// As it stands in the file.
std::string text_of(const TomlValue& value) { return toml::detail::get_region(value)->str(); }
double number_of(const TomlValue& value) {
  std::string text = text_of(value);
  std::erase(text, '_');
  return parse_number(text).value_or(value.as_floating());
}
#endif

/// The first line of `text`, counted from 1, that is not UTF-8. 0: none.
int line_that_is_not_utf8(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (valid_utf8(line) != line) return number;
  }
  return 0;
}

/// How deeply the text of a TOML file is nested, by brackets or by the dots of a key. toml11 takes stack for each.
int toml_depth(const std::string& text) {
  int deepest = 0, brackets = 0, dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      dots = 0;
    } else if (c == '"' || c == '\'') {
      const std::string end(text.compare(i, 3, std::string(3, c)) == 0 ? 3 : 1, c);
      for (i += end.size(); i < text.size() && text.compare(i, end.size(), end) != 0; ++i) {
        if (c == '"' && text[i] == '\\') ++i;
        if (end.size() == 1 && i < text.size() && text[i] == '\n') break;  // a syntax error
      }
      i += end.size() - 1;
    } else if (c == '.') {
      ++dots;
    } else if (c == '[' || c == '{') {
      ++brackets;
    } else if (c == ']' || c == '}') {
      --brackets;
    }
    if (c == ',' || c == '=' || c == '\n') dots = 0;
    deepest = std::max(deepest, brackets + dots);
  }
  return deepest;
}

nlohmann::json from_toml(const TomlValue& value) {
  nlohmann::json out;
  if (value.is_array()) {
    out = nlohmann::json::array();
    for (const auto& item : value.as_array()) out.push_back(from_toml(item));
  } else if (value.is_table()) {
    out = nlohmann::json::object();
    for (const auto& [key, item] : value.as_table()) out[key] = from_toml(item);
  } else if (value.is_boolean()) {
    out = value.as_boolean();
  } else if (value.is_integer()) {
    out = value.as_integer();
  } else if (value.is_floating()) {
    out = number_of(value);
  } else {
    out = value.is_string() ? toml::get<std::string>(value) : text_of(value);  // dates and times
  }
  return out;
}

}  // namespace

std::string Condition::text() const {
  const bool has_low = low > -std::numeric_limits<double>::infinity();
  const bool has_high = high < std::numeric_limits<double>::infinity();
  if (has_low && has_high) {
    return std::string("in ") + (open_low ? "(" : "[") + number_text(low) + ", " + number_text(high) +
           (open_high ? ")" : "]");
  }
  if (has_low) return (open_low ? "greater than " : "at least ") + number_text(low);
  if (has_high) return (open_high ? "less than " : "at most ") + number_text(high);
  return "";
}

void Condition::check(const std::string& key, double value) const {
  if (holds(value)) return;
  throw_bad_option(key, number_text(value),
                   std::isnan(value)                ? "a number"
                   : std::isinf(value) && !infinite ? "a finite number"
                                                    : text());
}

void OneOf::check(const std::string& key, const std::string& value) const {
  if (std::find(words.begin(), words.end(), value) == words.end()) throw_bad_option(key, "'" + value + "'", text());
}

std::string OneOf::text() const { return "one of " + join_names(words); }

void throw_bad_option(std::string_view key, const std::string& value, const std::string& condition) {
  throw std::invalid_argument("option '" + std::string(key) + "' is " + value + ": must be " + condition);
}

void throw_unknown_option(const std::string& key, const std::vector<std::string>& known) {
  if (known.empty()) throw std::invalid_argument("unknown option '" + key + "': there are no options here");
  // The right name without, or with the wrong, section before it is a likelier slip than a spelling error.
  auto match = std::find_if(known.begin(), known.end(), [&](const auto& name) { return last_part(name) == last_part(key); });
  throw std::invalid_argument("unknown option '" + key + "'" +
                              did_you_mean(match != known.end() ? *match : nearest_name(key, known)) +
                              (known.size() <= kFewOptions ? " Known options: " + join_names(known) : ""));
}

nlohmann::json flatten(const nlohmann::json& nested, const std::string& prefix) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [key, value] : nested.items()) {
    if (value.is_object()) {
      out.update(flatten(value, prefix + key + "."));
    } else {
      out[prefix + key] = value;
    }
  }
  return out;
}

nlohmann::json parse_assignment(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw std::invalid_argument("'" + assignment + "' does not set an option: write key=value, e.g. seed=3");
  }
  const std::string text = assignment.substr(equals + 1);
  nlohmann::json value;
  try {
    value = parse_json(text);
  } catch (const std::invalid_argument&) {
    const bool numeric =
        text.find_first_of("0123456789") <= 2 && text.find_first_not_of("0123456789.+-eE") == std::string::npos;
    const auto number = numeric ? parse_number(text) : std::nullopt;
    value = number ? nlohmann::json(*number) : nlohmann::json(text);
  }
  return {{assignment.substr(0, equals), std::move(value)}};
}

nlohmann::json read_toml(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw std::invalid_argument("cannot read '" + path + "': give an existing TOML file");
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (const int line = line_that_is_not_utf8(text); line > 0) {  // toml11 3.7 reads beyond the file's end
    throw std::invalid_argument("'" + path + "' is not valid TOML: line " + std::to_string(line) +
                                " is not UTF-8: save the file as UTF-8");
  }
  if (toml_depth(text) > kDeepestNesting) {
    throw std::invalid_argument("'" + path + "' is not valid TOML: it is nested more than " +
                                std::to_string(kDeepestNesting) + " deep");
  }
  std::istringstream stream(text);
  try {
    return from_toml(parse_toml(stream, path));
  } catch (const toml::exception& error) {
    throw std::invalid_argument("'" + path + "' is not valid TOML: " + error.what());  // which shows the line
  }
}

}  // namespace scout
