// The training of networks as families of problems: f(θ) is the loss of a network with the parameters θ.
#pragma once

#include "scout/data/source.h"
#include "scout/problem/classifier/axes.h"
#include "scout/problem/classifier/classifier.h"
#include "scout/problem/instance.h"

namespace scout {

/// A row of the table of architectures.
struct Architecture {
  std::string name;
  std::string summary;            ///< with the source, where there is one
  std::vector<std::string> data;  ///< the data sets that it is for
  ClassifierAxes axes;            ///< what an instance draws from, where the family's name says nothing else
  /// Throws std::invalid_argument naming a value of `choice` that the architecture cannot have.
  std::unique_ptr<Classifier> (*make)(const ClassifierChoice& choice, const ExampleSource& source);
};

/// Adds architectures to the table, which softmax regression and perceptrons are in from the start. Those that need LibTorch
/// come so from a library of their own. A name that is there already is left as it is. Call it before other threads start.
void add_architectures(const std::vector<Architecture>& architectures);

/// "ARCHITECTURE-DATA" for all that go together.
std::vector<std::string> classifier_family_names();

/// The family of a name "ARCHITECTURE-DATA[:AXIS=VALUE[|VALUE...][,AXIS=...]]", e.g. "mlp-mnist:hidden=32|64x64,init=he":
/// each instance draws one of the values of each axis (axes.h). Null if the part before the colon is no such name. Throws
/// std::invalid_argument for a bad axis. Data are read when an instance is sampled, not here.
///
/// An instance of a split draws its axes, its generated data, its minibatches and its starts from its seed; instances of
/// families that differ in axes alone share what the axes leave alone. Data sets from files are the same in every instance.
///
/// - `evaluate` and `true_value`: the mean cross entropy on 1,024 examples of the inner training part, the same at each θ;
/// - `evaluate_minibatch`: that of a minibatch of the inner training part, drawn with replacement;
/// - `metrics`: loss and accuracy on the whole inner training part, "train-loss" and "train-accuracy", and on a part that
///   training does not see, "held-out-loss" and "held-out-accuracy": inner validation for a training instance, outer
///   validation for a validation instance, test for a test instance;
/// - the box: ±1, wider for a tensor whose starts reach further. Arithmetic is in single precision.
std::shared_ptr<const Family> classifier_family(std::string_view name);

}  // namespace scout
