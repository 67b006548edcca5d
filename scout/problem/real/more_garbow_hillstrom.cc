// Least squares problems of Moré, Garbow & Hillstrom 1981, "Testing unconstrained optimization software".
#include <algorithm>
#include <cmath>
#include <numbers>

#include "scout/problem/real/families.h"

namespace scout::real {
namespace {

using std::abs;
using std::atan2;
using std::exp;
using std::pow;
using std::sin;
using std::sqrt;

struct Problem {
  const char* name;
  double (*evaluate)(std::span<const double> theta, std::span<double> gradient);
  std::vector<double> start;
  double least;  ///< to the digits that the paper gives
};

/// `residuals(x, add)` hands each residual to `add`.
template <int M, class Residuals>
constexpr auto of(Residuals) {
  return [](std::span<const double> theta, std::span<double> gradient) {
    return sum_of_squares<M>(theta, gradient, Residuals{});
  };
}

constexpr double kBard[] = {0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};
constexpr double kGaussian[] = {0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989,
                                0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009};
constexpr double kMeyer[] = {34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744,
                             8261,  7030,  6005,  5147,  4427,  3820,  3307,  2872};
constexpr double kKowalikY[] = {0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246};
constexpr double kKowalikU[] = {4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625};
constexpr double kOsborne1[] = {0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
                                0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
                                0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406};
constexpr double kOsborne2[] = {1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608,
                                0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661,
                                0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428,
                                0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559,
                                0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054};

/// Left out: Brown's badly scaled function, whose minimum is 10^6 away from a start of order 1, out of any box that a user
/// would give.
const std::vector<Problem>& problems() {
  static const std::vector<Problem> table{
      {"Rosenbrock",
       of<2>([](const auto* x, const auto& add) {
         add(10.0 * (x[1] - x[0] * x[0]));
         add(1.0 - x[0]);
       }),
       {-1.2, 1},
       0},
      {"Freudenstein and Roth",
       of<2>([](const auto* x, const auto& add) {
         add(-13.0 + x[0] + ((5.0 - x[1]) * x[1] - 2.0) * x[1]);
         add(-29.0 + x[0] + ((x[1] + 1.0) * x[1] - 14.0) * x[1]);
       }),
       {0.5, -2},
       0},
      {"Powell, badly scaled",
       of<2>([](const auto* x, const auto& add) {
         add(1e4 * x[0] * x[1] - 1.0);
         add(exp(-x[0]) + exp(-x[1]) - 1.0001);
       }),
       {0, 1},
       0},
      {"Beale",
       of<2>([](const auto* x, const auto& add) {
         add(1.5 - x[0] * (1.0 - x[1]));
         add(2.25 - x[0] * (1.0 - x[1] * x[1]));
         add(2.625 - x[0] * (1.0 - x[1] * x[1] * x[1]));
       }),
       {1, 1},
       0},
      {"Jennrich and Sampson",
       of<2>([](const auto* x, const auto& add) {
         for (int i = 1; i <= 10; ++i) add(2.0 + 2.0 * i - (exp(double(i) * x[0]) + exp(double(i) * x[1])));
       }),
       {0.3, 0.4},
       124.362},
      {"helical valley",
       of<3>([](const auto* x, const auto& add) {
         // From -1/4 to 3/4 of a turn, cut below.
         const auto turned = atan2(-x[0], x[1]) / (2 * std::numbers::pi);
         add(10.0 * (x[2] - 10.0 * (0.25 + turned)));
         add(10.0 * (sqrt(x[0] * x[0] + x[1] * x[1]) - 1.0));
         add(x[2]);
       }),
       {-1, 0, 0},
       0},
      {"Bard",
       of<3>([](const auto* x, const auto& add) {
         for (int i = 1; i <= 15; ++i)
           add(kBard[i - 1] - (x[0] + double(i) / (double(16 - i) * x[1] + double(std::min(i, 16 - i)) * x[2])));
       }),
       {1, 1, 1},
       8.21487e-3},
      {"Gaussian",
       of<3>([](const auto* x, const auto& add) {
         for (int i = 0; i < 15; ++i) {
           const auto from = (7.0 - i) / 2.0 - x[2];
           add(x[0] * exp(-x[1] * from * from / 2.0) - kGaussian[i]);
         }
       }),
       {0.4, 1, 0},
       1.12793e-8},
      {"Meyer",
       of<3>([](const auto* x, const auto& add) {
         for (int i = 0; i < 16; ++i) add(x[0] * exp(x[1] / (50.0 + 5.0 * i + x[2])) - kMeyer[i]);
       }),
       {0.02, 4000, 250},
       87.9458},
      {"Box, three-dimensional",
       of<3>([](const auto* x, const auto& add) {
         for (int i = 1; i <= 10; ++i) {
           const double t = 0.1 * i;
           add(exp(-t * x[0]) - exp(-t * x[1]) - x[2] * (std::exp(-t) - std::exp(-10 * t)));
         }
       }),
       {0, 10, 20},
       0},
      {"Powell, singular",
       of<4>([](const auto* x, const auto& add) {
         add(x[0] + 10.0 * x[1]);
         add(std::sqrt(5.0) * (x[2] - x[3]));
         add((x[1] - 2.0 * x[2]) * (x[1] - 2.0 * x[2]));
         add(std::sqrt(10.0) * (x[0] - x[3]) * (x[0] - x[3]));
       }),
       {3, -1, 0, 1},
       0},
      {"Wood",
       of<4>([](const auto* x, const auto& add) {
         add(10.0 * (x[1] - x[0] * x[0]));
         add(1.0 - x[0]);
         add(std::sqrt(90.0) * (x[3] - x[2] * x[2]));
         add(1.0 - x[2]);
         add(std::sqrt(10.0) * (x[1] + x[3] - 2.0));
         add((x[1] - x[3]) / std::sqrt(10.0));
       }),
       {-3, -1, -3, -1},
       0},
      {"Kowalik and Osborne",
       of<4>([](const auto* x, const auto& add) {
         for (int i = 0; i < 11; ++i) {
           const double u = kKowalikU[i];
           add(kKowalikY[i] - x[0] * (u * u + u * x[1]) / (u * u + u * x[2] + x[3]));
         }
       }),
       {0.25, 0.39, 0.415, 0.39},
       3.07505e-4},
      {"Brown and Dennis",
       of<4>([](const auto* x, const auto& add) {
         for (int i = 1; i <= 20; ++i) {
           const double t = i / 5.0;
           const auto a = x[0] + t * x[1] - std::exp(t);
           const auto b = x[2] + x[3] * std::sin(t) - std::cos(t);
           add(a * a + b * b);
         }
       }),
       {25, 5, -5, -1},
       85822.2},
      {"Osborne 1",
       of<5>([](const auto* x, const auto& add) {
         for (int i = 0; i < 33; ++i)
           add(kOsborne1[i] - (x[0] + x[1] * exp(-10.0 * i * x[3]) + x[2] * exp(-10.0 * i * x[4])));
       }),
       {0.5, 1.5, -1, 0.01, 0.02},
       5.46489e-5},
      {"Biggs EXP6",
       of<6>([](const auto* x, const auto& add) {
         for (int i = 1; i <= 13; ++i) {
           const double t = 0.1 * i, y = std::exp(-t) - 5 * std::exp(-10 * t) + 3 * std::exp(-4 * t);
           add(x[2] * exp(-t * x[0]) - x[3] * exp(-t * x[1]) + x[5] * exp(-t * x[4]) - y);
         }
       }),
       {1, 2, 1, 1, 1, 1},
       0},
      {"Osborne 2",
       of<11>([](const auto* x, const auto& add) {
         for (int i = 0; i < 65; ++i) {
           const double t = i / 10.0;
           const auto a = t - x[8], b = t - x[9], c = t - x[10];
           add(kOsborne2[i] -
               (x[0] * exp(-t * x[4]) + x[1] * exp(-a * a * x[5]) + x[2] * exp(-b * b * x[6]) + x[3] * exp(-c * c * x[7])));
         }
       }),
       {1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5},
       4.01377e-2},
      // The last, since ten times its start is its minimiser. 99 residuals: the hundredth has no slope where y_i = x_2. (In
      // the paper's formula "mi" is a minus sign.)
      {"Gulf research and development",
       of<3>([](const auto* x, const auto& add) {
         for (int i = 1; i <= 99; ++i) {
           const double t = i / 100.0, y = 25.0 + std::pow(-50.0 * std::log(t), 2.0 / 3.0);
           add(exp(-pow(abs(y - x[1]), x[2]) / x[0]) - t);
         }
       }),
       {5, 2.5, 0.15},
       0},
  };
  return table;
}

/// The box reaches so many times as far from the standard start as that is large, or 1.
constexpr double kReach = 10;

FixedProblem make(int index) {
  const Problem& problem = problems()[static_cast<std::size_t>(index / 2)];
  FixedProblem out;
  out.evaluate = problem.evaluate;
  for (const double x : problem.start) {
    const double reach = kReach * std::max(1.0, std::abs(x));
    out.lower.push_back(x - reach);
    out.upper.push_back(x + reach);
    out.given_start.push_back(index % 2 == 0 ? x : 10 * x);
  }
  out.optimum_value = problem.least;
  return out;
}

}  // namespace

std::shared_ptr<const Family> more_garbow_hillstrom() {
  return fixed_family("more-garbow-hillstrom", "18 classical least squares problems, each from its start and ten times it",
                      2 * static_cast<int>(problems().size()) - 1, make);
}

}  // namespace scout::real
