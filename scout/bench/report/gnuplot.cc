#include "scout/bench/report/gnuplot.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace scout::bench {
namespace fs = std::filesystem;
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "scout-figure-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot create a folder like " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

constexpr const char* kPreamble = R"(
set terminal svg size {0},{1} dynamic font 'system-ui, Helvetica, Arial, sans-serif,12' linewidth 1
set encoding utf8
ink = '{2}'
set border 3 lc rgb ink lw 0.8
set tics nomirror textcolor rgb ink scale 0.6,0.3
set xlabel textcolor rgb ink
set ylabel textcolor rgb ink
set key off
set tmargin 0.6
set style fill transparent solid 0.16 noborder
set grid back lc rgb '#B0909090' lw 0.6 dt 1
)";

}  // namespace

std::string draw_svg(const std::string& script, int width, int height) {
  const TemporaryFolder folder;
  {
    std::ofstream file(folder.path() / "figure.gp");
    file << fmt::format(kPreamble, width, height, kInk) << script;
  }
  const std::string command = fmt::format("cd '{}' && gnuplot figure.gp > figure.svg 2> errors.txt", folder.path().string());
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    throw std::runtime_error(
        "gnuplot, which draws the figures, was not found: install it (Debian: apt install gnuplot-nox)");
  }
  std::string svg = read_all(folder.path() / "figure.svg");
  const auto begin = svg.find("<svg");
  if (status != 0 || begin == std::string::npos) {
    throw std::runtime_error("gnuplot failed: " + read_all(folder.path() / "errors.txt"));
  }
  svg.erase(0, begin);
  replace_all(svg, "'rgb(  1,   2,   3)'", "'currentColor'");
  replace_all(svg, "\"rgb(  1,   2,   3)\"", "\"currentColor\"");
  replace_all(svg, " color=\"black\"", "");  // or that would be the current colour
  replace_all(svg, "rgb(1,2,3)", "currentColor");
  replace_all(svg, "<title>Gnuplot</title>", "");
  return svg;
}

}  // namespace scout::bench
