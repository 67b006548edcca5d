// Options declared once: a struct with a `describe` member is read from TOML, set from `key=value`, listed with its help,
// and checked, by the functions below.
//
//   struct ReplayOptions {
//     int capacity = 1000;
//     template <class Visitor> void describe(Visitor&& visit) {
//       visit("capacity", capacity, "episodes kept", at_least(1));
//     }
//   };
//
// A nested struct is visited as `visit("replay", replay)`; its keys are then "replay.capacity".
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "scout/base/json_lines.h"

namespace scout {

/// A condition on a number, and how it is named in errors. NaN satisfies none, infinity only one that says so.
struct Condition {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open_low = false;
  bool open_high = false;
  bool infinite = false;  ///< whether infinity will do
  bool holds(double x) const {
    return (std::isfinite(x) || (infinite && std::isinf(x))) && (open_low ? x > low : x >= low) &&
           (open_high ? x < high : x <= high);
  }
  std::string text() const;
  /// Throws as throw_bad_option.
  void check(const std::string& key, double value) const;
};
inline Condition at_least(double low) { return {.low = low}; }
inline Condition positive() { return {.low = 0, .open_low = true}; }
inline Condition or_infinite(Condition condition = {}) {
  condition.infinite = true;
  return condition;
}
inline Condition between(double low, double high) { return {.low = low, .high = high}; }
inline Condition inside(double low, double high) { return {.low = low, .high = high, .open_low = true, .open_high = true}; }

/// A string option that must be one of a few words.
struct OneOf {
  std::vector<std::string> words;
  std::string text() const;
  /// Throws as throw_bad_option.
  void check(const std::string& key, const std::string& value) const;
};

/// std::invalid_argument: "option 'KEY' is VALUE: must be CONDITION".
[[noreturn]] void throw_bad_option(std::string_view key, const std::string& value, const std::string& condition);

/// One option, for listings.
struct OptionDescription {
  std::string key;
  std::string default_value;
  std::string condition;
  std::string help;
};

namespace detail {

template <class Leaf>
struct OptionVisitor;

/// Calls `leaf(key, value, help, condition)` on every option below `options`.
template <class Options, class Leaf>
void for_each_option(Options& options, const std::string& prefix, Leaf&& leaf) {
  options.describe(OptionVisitor<std::remove_reference_t<Leaf>>{prefix, leaf});
}

template <class Leaf>
struct OptionVisitor {
  const std::string& prefix;
  Leaf& leaf;
  template <class Nested>
  void operator()(const char* name, Nested& nested) const {
    for_each_option(nested, prefix + name + ".", leaf);
  }
  template <class Value, class Check = Condition>
  void operator()(const char* name, Value& value, const char* help, const Check& check = {}) const {
    leaf(prefix + name, value, help, check);
  }
};

template <class Value>
void assign(const std::string& key, Value& value, const nlohmann::json& from) {
  auto wrong_type = [&](const char* expected) {  // JSON has no word for infinity
    const bool infinite = from.is_number_float() && std::isinf(from.get<double>());
    throw_bad_option(key, infinite ? "infinite" : json_text(from), expected);
  };
  if constexpr (std::is_same_v<Value, bool>) {
    if (!from.is_boolean()) wrong_type("true or false");
    value = from.get<bool>();
  } else if constexpr (std::is_integral_v<Value>) {
    const bool whole =
        from.is_number_integer() || (from.is_number_float() && std::floor(from.get<double>()) == from.get<double>() &&
                                     std::abs(from.get<double>()) < 9e15);
    if (!whole) wrong_type("a whole number");
    const bool fits = from.is_number_unsigned()  ? std::in_range<Value>(from.get<std::uint64_t>())
                      : from.is_number_integer() ? std::in_range<Value>(from.get<std::int64_t>())
                                                 : std::in_range<Value>(static_cast<std::int64_t>(from.get<double>()));
    if (!fits) wrong_type("a whole number in the range of its type");
    value = from.is_number_integer() ? from.get<Value>() : static_cast<Value>(from.get<double>());
  } else if constexpr (std::is_floating_point_v<Value>) {
    if (!from.is_number()) wrong_type("a number");
    value = from.get<Value>();
  } else if constexpr (std::is_same_v<Value, std::string>) {
    if (!from.is_string()) wrong_type("a string");
    value = from.get<std::string>();
  } else {  // std::vector
    value.clear();
    for (const auto& item : from.is_array() ? from : nlohmann::json::array({from})) {  // one stands for a list of one
      value.emplace_back();
      assign(key, value.back(), item);
    }
  }
}

template <class Value, class Check>
void check(const std::string& key, const Value& value, const Check& condition) {
  if constexpr (requires { value.begin(); } && !std::is_same_v<Value, std::string>) {
    for (const auto& item : value) check(key, item, condition);
  } else if constexpr (std::is_same_v<Check, OneOf> || (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>)) {
    condition.check(key, value);
  }
}

}  // namespace detail

/// Checks every option; throws std::invalid_argument naming key, value and condition.
template <class Options>
void validate(const Options& options) {
  detail::for_each_option(
      const_cast<Options&>(options), "",
      [](const std::string& key, auto& value, const char*, const auto& condition) { detail::check(key, value, condition); });
}

/// Every option as a flat JSON object {"a.b": value}.
template <class Options>
nlohmann::json to_json(const Options& options) {
  nlohmann::json out = nlohmann::json::object();
  detail::for_each_option(const_cast<Options&>(options), "",
                          [&](const std::string& key, auto& value, const char*, const auto&) { out[key] = value; });
  return out;
}

/// Key, default, condition and help of every option.
template <class Options>
std::vector<OptionDescription> describe_options(const Options& defaults = {}) {
  std::vector<OptionDescription> out;
  detail::for_each_option(const_cast<Options&>(defaults), "",
                          [&](const std::string& key, auto& value, const char* help, const auto& condition) {
                            out.push_back({key, json_text(value), condition.text(), help});
                          });
  return out;
}

/// {"a": {"b": 1}} -> {"a.b": 1}, every key behind `prefix`. Arrays stay values.
nlohmann::json flatten(const nlohmann::json& nested, const std::string& prefix = "");

/// Throws std::invalid_argument saying that `key` is unknown and which known key is nearest.
[[noreturn]] void throw_unknown_option(const std::string& key, const std::vector<std::string>& known);

/// Sets options from a flat or nested JSON object, then validates. An unknown key is an error that names the nearest known
/// one.
template <class Options>
void set_options(Options& options, const nlohmann::json& values) {
  nlohmann::json flat = flatten(values);
  std::vector<std::string> known;
  detail::for_each_option(options, "", [&](const std::string& key, auto& value, const char*, const auto&) {
    known.push_back(key);
    if (auto it = flat.find(key); it != flat.end()) {
      detail::assign(key, value, *it);
      flat.erase(it);
    }
  });
  if (!flat.empty()) throw_unknown_option(flat.begin().key(), known);
  validate(options);
}

/// Those of a flat JSON object that are options of `Options`.
template <class Options>
nlohmann::json known_options(const nlohmann::json& values) {
  const auto known = to_json(Options{});
  auto out = nlohmann::json::object();
  for (const auto& [key, value] : values.items()) {
    if (known.contains(key)) out[key] = value;
  }
  return out;
}

/// "a.b=3" -> {"a.b": 3}; the value is JSON or, failing that, a number in another spelling (.1, +3), or else a string;
/// "a=x,y" is not split: write a=["x","y"]. Throws std::invalid_argument if there is no '='.
nlohmann::json parse_assignment(const std::string& assignment);

/// Reads a TOML file as a nested JSON object; 0.25 is 0.25 under any locale. Throws std::invalid_argument naming the file,
/// and the line for a syntax error.
nlohmann::json read_toml(const std::string& path);

}  // namespace scout
