// CIoU = IoU - rho² / c² - alpha v (Zheng et al. 2020): rho the distance of the centres, c the diagonal of the box
// around both, v = 4 / pi² (atan(wb / hb) - atan(wa / ha))², alpha = v / (1 - IoU + v). Denominators carry epsilon
// 1e-7. No include guard: as elementwise.inl, each backend includes this into a namespace of its own, where that file's
// functions are; beside them it provides JOIST_INLINE and arc_tangent for its number type T.

template <class T>
struct CompleteIou {
  T ax1, ay1, ax2, ay2, bx1, by1, bx2, by2;
  T epsilon = T(1e-7);
  T wa = ax2 - ax1, ha = ay2 - ay1, wb = bx2 - bx1, hb = by2 - by1;
  T overlap_w = min(ax2, bx2) - max(ax1, bx1), overlap_h = min(ay2, by2) - max(ay1, by1);
  T inter_w = max(overlap_w, T(0.0)), inter_h = max(overlap_h, T(0.0)), inter = inter_w * inter_h;
  T either = wa * ha + wb * hb - inter + epsilon;
  T iou = inter / either;
  T hull_w = max(ax2, bx2) - min(ax1, bx1), hull_h = max(ay2, by2) - min(ay1, by1);
  T diagonal = hull_w * hull_w + hull_h * hull_h + epsilon;
  T apart_x = bx1 + bx2 - ax1 - ax2, apart_y = by1 + by2 - ay1 - ay2;
  T distance = (apart_x * apart_x + apart_y * apart_y) * T(0.25);
  T turn = arc_tangent(wb / (hb + epsilon)) - arc_tangent(wa / (ha + epsilon));
  T aspect = T(0.40528473456935109) * turn * turn;
  T alpha = aspect / (T(1.0) - iou + aspect + epsilon);
};

template <class T>
JOIST_INLINE T value_of(const CompleteIou<T>& c) {
  return c.iou - c.distance / c.diagonal - c.alpha * c.aspect;
}

/// Of the value, by the sides of box a.
template <class T>
struct BoxSlopes {
  T x1, y1, x2, y2;
};

// Slopes along one axis, of the low and the high side of box a, given how the value changes with the overlap's length,
// the hull's length, the own length and the distance of the centres along that axis. At ties half of them each.
template <class T>
JOIST_INLINE void slopes_along(T a1, T a2, T b1, T b2, T by_overlap, T by_hull, T by_length, T by_apart, T& low,
                               T& high) {
  low = T(0.0) - by_overlap * slope_first(Maximum{}, a1, b1) - by_hull * slope_first(Minimum{}, a1, b1) - by_length -
        by_apart;
  high = by_overlap * slope_first(Minimum{}, a2, b2) + by_hull * slope_first(Maximum{}, a2, b2) + by_length - by_apart;
}

// alpha is a constant for it.
template <class T>
JOIST_INLINE BoxSlopes<T> slopes_of(const CompleteIou<T>& c, T dy) {
  const T zero(0.0), two(2.0);
  // iou = inter / either, either = own area + other's - inter
  const T by_inter = dy * (c.either + c.inter) / (c.either * c.either);
  const T by_area = zero - dy * c.iou / c.either;
  const T by_overlap_w = select(c.overlap_w > zero, by_inter * c.inter_h, zero);
  const T by_overlap_h = select(c.overlap_h > zero, by_inter * c.inter_w, zero);
  const T by_diagonal = dy * c.distance / (c.diagonal * c.diagonal);
  const T by_apart = zero - dy * T(0.5) / c.diagonal;
  // aspect = 4 / pi² turn²; atan(w / h)' = (h dw - w dh) / (h² + w²)
  const T h = c.ha + c.epsilon;
  const T by_angle = dy * c.alpha * two * T(0.40528473456935109) * c.turn / (h * h + c.wa * c.wa);
  const T by_w = by_area * c.ha + by_angle * h, by_h = by_area * c.wa - by_angle * c.wa;
  BoxSlopes<T> a;
  slopes_along(c.ax1, c.ax2, c.bx1, c.bx2, by_overlap_w, by_diagonal * two * c.hull_w, by_w, by_apart * c.apart_x, a.x1,
               a.x2);
  slopes_along(c.ay1, c.ay2, c.by1, c.by2, by_overlap_h, by_diagonal * two * c.hull_h, by_h, by_apart * c.apart_y, a.y1,
               a.y2);
  return a;
}
