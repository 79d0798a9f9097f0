// updated(rule, p, g, s): the new parameter; s[0], s[1], … are what is remembered about it, in the order of
// optimizer_rules.h. No include guard: as elementwise.inl, each backend includes this into a namespace of its own.

/// Towards x by a part of the way.
JOIST_FUNCTION moved(T from, T to, double weight) { return T(1 - weight) * from + T(weight) * to; }
JOIST_FUNCTION sign_of(T x) { return select(x > T(0.0), T(1.0), select(x < T(0.0), T(-1.0), T(0.0))); }

JOIST_FUNCTION updated(const SgdRule& r, T p, T g, T* s) {
  T d = g;
  if (r.moving) {
    s[0] = r.momentum == 0 ? T(r.undamped) * g : T(r.momentum) * s[0] + T(r.undamped) * g;  // the first is not read
    d = r.nesterov ? g + T(r.nesterov_momentum) * s[0] : s[0];
  }
  return p - T(r.rate) * d;
}

JOIST_FUNCTION updated(const AdamRule& r, T p, T g, T* s) {
  s[0] = moved(s[0], g, 1 - r.beta1);
  s[1] = T(r.beta2) * s[1] + T(1 - r.beta2) * g * g;
  T v = s[1];
  if (r.amsgrad) v = s[2] = max(s[2], v);
  return p - T(r.rate) * s[0] / (sqrt(v) * T(r.correction) + T(r.eps));
}

JOIST_FUNCTION updated(const AdagradRule& r, T p, T g, T* s) {
  s[0] = s[0] + g * g;
  return p - T(r.rate) * g / (sqrt(s[0]) + T(r.eps));
}

JOIST_FUNCTION updated(const AdadeltaRule& r, T p, T g, T* s) {
  s[0] = T(r.rho) * s[0] + T(1 - r.rho) * g * g;
  const T d = sqrt(s[1] + T(r.eps)) / sqrt(s[0] + T(r.eps)) * g;
  s[1] = T(r.rho) * s[1] + T(1 - r.rho) * d * d;
  return p - T(r.rate) * d;
}

JOIST_FUNCTION updated(const RmspropRule& r, T p, T g, T* s) {
  s[0] = T(r.alpha) * s[0] + T(1 - r.alpha) * g * g;
  T v = s[0];
  if (r.centered) {
    s[1] = moved(s[1], g, 1 - r.alpha);
    v = v - s[1] * s[1];
  }
  const T d = g / (sqrt(v) + T(r.eps));
  if (!r.moving) return p - T(r.rate) * d;
  const T velocity = T(r.momentum) * (r.centered ? s[2] : s[1]) + d;
  if (r.centered)
    s[2] = velocity;
  else
    s[1] = velocity;
  return p - T(r.rate) * velocity;
}

JOIST_FUNCTION updated(const AdamaxRule& r, T p, T g, T* s) {
  s[0] = moved(s[0], g, 1 - r.beta1);
  s[1] = max(T(r.beta2) * s[1], abs(g) + T(r.eps));
  return p - T(r.rate) * s[0] / s[1];
}

JOIST_FUNCTION updated(const NadamRule& r, T p, T g, T* s) {
  s[0] = moved(s[0], g, 1 - r.beta1);
  s[1] = T(r.beta2) * s[1] + T(1 - r.beta2) * g * g;
  return p - (T(r.gradient_rate) * g + T(r.moment_rate) * s[0]) / (sqrt(s[1]) * T(r.correction) + T(r.eps));
}

JOIST_FUNCTION updated(const RadamRule& r, T p, T g, T* s) {
  s[0] = moved(s[0], g, 1 - r.beta1);
  s[1] = T(r.beta2) * s[1] + T(1 - r.beta2) * g * g;
  return r.rectified ? p - T(r.rate) * s[0] / (sqrt(s[1]) + T(r.eps)) : p - T(r.rate) * s[0];
}

JOIST_FUNCTION updated(const RpropRule& r, T p, T g, T* s) {
  const T turned = g * s[0], zero = T(0.0);
  const T factor = select(turned > zero, T(r.longer), select(turned < zero, T(r.shorter), T(1.0)));
  s[1] = min(max(factor * s[1], T(r.smallest)), T(r.largest));
  s[0] = select(turned < zero, zero, g);
  return p - sign_of(s[0]) * s[1];
}

JOIST_FUNCTION updated(const AsgdRule& r, T p, T g, T* s) {
  const T next = p - T(r.rate) * g;
  s[0] = r.weight == 1 ? next : s[0] + T(r.weight) * (next - s[0]);
  return next;
}

JOIST_FUNCTION updated(const LionRule& r, T p, T g, T* s) {
  const T direction = sign_of(moved(s[0], g, 1 - r.beta1));
  s[0] = moved(s[0], g, 1 - r.beta2);
  return p - T(r.rate) * direction;
}

JOIST_FUNCTION updated(const ScheduleFreeRule& r, T p, T g, T* s) {
  s[1] = T(r.beta2) * s[1] + T(1 - r.beta2) * g * g;
  const T d = g / (sqrt(s[1]) * T(r.correction) + T(r.eps)) + T(r.weight_decay) * p;
  const T next = moved(p, s[0], r.mix) + T(r.pull) * d;
  s[0] = s[0] - T(r.rate) * d;
  return next;
}

JOIST_FUNCTION updated(const SophiaRule& r, T p, T g, T* s) {
  s[0] = moved(s[0], g, 1 - r.beta1);
  const T d = s[0] / max(s[1], T(r.eps));
  return p - T(r.rate) * min(max(d, T(-r.limit)), T(r.limit));
}

JOIST_FUNCTION updated(const ProdigyMomentsRule& r, T p, T g, T* s) {
  s[0] = T(r.beta1) * s[0] + T(r.estimate * (1 - r.beta1)) * g;
  s[1] = T(r.beta2) * s[1] + T(r.estimate * r.estimate * (1 - r.beta2)) * g * g;
  s[2] = T(r.slow) * s[2] + T(r.distance) * g;
  return p;
}

JOIST_FUNCTION updated(const MomentsStepRule& r, T p, T, T* s) {
  return p - T(r.rate) * s[0] / (sqrt(s[1]) + T(r.eps));
}
