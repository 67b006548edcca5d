// What varies between training problems of one architecture on one data set.
#pragma once

#include "scout/base/options.h"
#include "scout/base/random.h"
#include "scout/problem/classifier/initialisation.h"

namespace scout {

/// The values that each axis may take; an instance draws one of each.
struct ClassifierAxes {
  std::vector<std::string> hidden;
  std::vector<std::string> activation{"relu"};
  std::vector<std::string> init{"glorot"};
  std::vector<int> batch{128};
  std::vector<int> side{0};
  bool augment = false;
  std::vector<double> rescale{0};
  std::vector<double> rescale_all{0};
  std::vector<double> label_noise{0};

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("hidden", hidden, "widths of the hidden layers (channels, in a convolutional network), e.g. 32x32");
    visit("activation", activation, "between the layers of a perceptron", OneOf{{"relu", "tanh", "sigmoid"}});
    visit("init", init, "where training starts", OneOf{initialisations()});
    visit("batch", batch, "examples of a minibatch", at_least(1));
    visit("side", side, "pixels a side of images, which are averaged down; 0: as they come", between(0, 32));
    visit("augment", augment, "random crops and flips of the minibatches' images");
    visit("rescale", rescale,
          "each tensor is measured in a unit of its own, log-uniform in e^±rescale: the network is the same, "
          "its gradients are not",
          between(0, 10));
    visit("rescale_all", rescale_all,
          "all tensors are measured in one unit, log-uniform in e^±rescale_all: ln 1000 = 6.9 is the augmentation of Celo",
          between(0, 10));
    visit("label_noise", label_noise, "share of the labels to train on that are drawn at random", between(0, 1));
  }
};

/// One value of each axis.
struct ClassifierChoice {
  std::vector<int> hidden;
  std::string activation;
  std::string init;
  int batch;
  int side;
  bool augment;
  double rescale = 0;
  double rescale_all = 0;
  double label_noise = 0;
};

/// Changes `axes` by "batch=32,init=he|lsuv". Throws std::invalid_argument naming axis, value and condition.
void set_axes(ClassifierAxes& axes, std::string_view assignments);

/// Each axis draws from a seed of its own: two families that differ in one axis share the rest.
ClassifierChoice choose(const ClassifierAxes& axes, Seed seed);

}  // namespace scout
