// Policy files: raw bytes, and headers behind which checksum and number of parameters are right.
#include "scout/policy/policy.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fuzz/target.h"
#include "scout/base/archive.h"
#include "scout/base/random.h"
#include "scout/policy/shipped.h"

namespace scout::fuzz {
namespace {

constexpr std::size_t kMostParameters = 2'000;

enum Mode : std::uint8_t { kRaw, kChecksum, kHeader };

std::string as_text(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void append_checksum(std::string& file) {
  const auto sum = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(file.data()), file.size()));
  file.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

/// A file with this header and as many parameters as its rule has, if it says which rule.
std::string with_header(const std::string& header) {
  std::size_t count = 0;
  try {
    const auto json = nlohmann::json::parse(header);
    RuleOptions options;
    options.rule = json.at("rule");
    set_options(options, json.at("options"));
    count = std::min(make_rule(options)->parameter_count(), kMostParameters);
  } catch (const std::exception&) {  // then any number will do
  }
  std::vector<float> parameters(count);
  for (std::size_t i = 0; i < count; ++i) parameters[i] = 0.01F * static_cast<float>(i % 7) - 0.03F;
  ArchiveWriter writer;
  writer.raw("SCOUTPOL", 8);
  writer(std::uint32_t{2}, std::uint64_t{8 + 4 + 8 + 8 + header.size() + 8 + 4 * count + 4}, header, parameters);
  std::string file = as_text(writer.take());
  append_checksum(file);
  return file;
}

std::string header_of(const Policy& policy) {
  const std::string file = as_text(policy.to_bytes());
  std::uint64_t size = 0;
  std::memcpy(&size, &file[20], sizeof size);
  return file.substr(28, size);
}

void check(const Policy& policy) {
  expect(policy.description().horizon >= 1, "a horizon below 1");
  expect(policy.parameters().size() == policy.rule()->parameter_count(), "another number of parameters than the rule has");
  for (const float parameter : policy.parameters()) expect(std::isfinite(parameter), "a parameter that is not finite");
  const auto bytes = policy.to_bytes();
  const auto again = Policy::from_bytes(bytes);
  expect(again->to_bytes() == bytes, "written and read it is another file");
  expect(again->parameters() == policy.parameters(), "written and read it has other parameters");
  expect(to_json(again->description().rule) == to_json(policy.description().rule), "written and read it is another rule");
  expect(again->description().horizon == policy.description().horizon, "written and read it has another horizon");
}

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  const auto add = [&](const Policy& policy) {
    std::string file = as_text(policy.to_bytes());
    std::replace(file.begin(), file.end(), kMany, '\0');  // which stands for something else here
    out.push_back(std::string(1, kRaw) + file);
    out.push_back(std::string(1, kChecksum) + file.substr(0, file.size() - 4));
    out.push_back(std::string(1, kHeader) + header_of(policy));
  };
  for (const RuleEntry& entry : rule_table()) {
    const RuleOptions options{.rule = entry.name, .dimension = 2, .hidden = {2}, .history = 1};
    Random random(Seed(1));
    add(Policy({.rule = options, .horizon = 10}, make_rule(options)->initial_parameters(random)));
  }
  const std::string form =
      R"({"observer":{"form":"coordinatewise"},"hidden":[2],"step_scale":0.7,"features":"","horizon":5,"provenance":{}})";
  ArchiveWriter old;
  old.raw("SCOUTPOL", 8);
  old(std::uint32_t{1}, static_cast<std::uint32_t>(form.size()));
  old.raw(form.data(), form.size());
  old(std::vector<float>{1, 2});
  out.push_back(std::string(1, kChecksum) + as_text(old.take()));
  const std::string deep{kMany, '[', kMany, ']'};
  out.push_back(std::string(1, kHeader) + R"({"rule":"adam","options":{},"inputs":"","horizon":1,"provenance":)" + deep +
                "}");
  return out;
}

void run(Input input) {
  Pieces pieces(input);
  const auto mode = pieces.byte() % 3;
  std::string file = expanded(pieces.rest());
  if (mode == kChecksum) append_checksum(file);
  if (mode == kHeader) file = with_header(file);
  std::shared_ptr<const Policy> policy;
  const std::span bytes(reinterpret_cast<const std::byte*>(file.data()), file.size());
  if (takes<std::runtime_error>([&] { policy = Policy::from_bytes(bytes); })) check(*policy);
}

}  // namespace scout::fuzz
