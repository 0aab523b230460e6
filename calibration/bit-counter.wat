;; Counts float32 elements by their upper 16 bits, and finds the ends of their range, in one pass: bit-counter.ts calls it.
;; The bytes of it stand in bit-counter-kernel.ts: npx vitest run test/calibration/bit-counter-kernel.test.ts --update
;;
;; Memory, in bytes:
;;   0x000000  four tables of 65,536 counts. Neighbouring elements count in different ones: after a ReLU half of them are
;;             zeros, and each count of the same bin would have to wait for the one before it.
;;   0x100000  the smallest element of each lane, and 16 bytes behind it the largest
;;   0x100020  the chunk: 16,384 elements
;;   0x110020  place and count of each bin that is not empty, up to 65,536 of them
(module
  (memory (export "memory") 26)

  ;; The elements from the chunk's start up to $end; those before $end4 in fours.
  (func (export "count") (param $end i32) (param $end4 i32)
    (local $at i32) (local $bin i32) (local $least v128) (local $greatest v128)
    (local.set $at (i32.const 0x100020))
    (local.set $least (v128.load (i32.const 0x100000)))
    (local.set $greatest (v128.load (i32.const 0x100010)))
    (block $none (br_if $none (i32.ge_u (local.get $at) (local.get $end4))) (loop $next
      ;; a, b -> b < a ? b : a leaves a where b is a NaN, and so does its counterpart.
      (local.set $least (f32x4.pmin (local.get $least) (v128.load align=4 (local.get $at))))
      (local.set $greatest (f32x4.pmax (local.get $greatest) (v128.load align=4 (local.get $at))))
      ;; The upper half of a little-endian float stands two bytes behind its start.
      (local.set $bin (i32.shl (i32.load16_u offset=2 align=1 (local.get $at)) (i32.const 2)))
      (i32.store offset=0x0 (local.get $bin)
        (i32.add (i32.load offset=0x0 (local.get $bin)) (i32.const 1)))
      (local.set $bin (i32.shl (i32.load16_u offset=6 align=1 (local.get $at)) (i32.const 2)))
      (i32.store offset=0x40000 (local.get $bin)
        (i32.add (i32.load offset=0x40000 (local.get $bin)) (i32.const 1)))
      (local.set $bin (i32.shl (i32.load16_u offset=10 align=1 (local.get $at)) (i32.const 2)))
      (i32.store offset=0x80000 (local.get $bin)
        (i32.add (i32.load offset=0x80000 (local.get $bin)) (i32.const 1)))
      (local.set $bin (i32.shl (i32.load16_u offset=14 align=1 (local.get $at)) (i32.const 2)))
      (i32.store offset=0xc0000 (local.get $bin)
        (i32.add (i32.load offset=0xc0000 (local.get $bin)) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end4)))))
    (block $none (br_if $none (i32.ge_u (local.get $at) (local.get $end))) (loop $next
      (local.set $least (f32x4.pmin (local.get $least) (v128.load32_splat align=4 (local.get $at))))
      (local.set $greatest (f32x4.pmax (local.get $greatest) (v128.load32_splat align=4 (local.get $at))))
      (local.set $bin (i32.shl (i32.load16_u offset=2 align=1 (local.get $at)) (i32.const 2)))
      (i32.store offset=0x0 (local.get $bin)
        (i32.add (i32.load offset=0x0 (local.get $bin)) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))
    (v128.store (i32.const 0x100000) (local.get $least))
    (v128.store (i32.const 0x100010) (local.get $greatest)))

  ;; Write (bin, count) of the bins from $at to $end that are not empty from $to on, and empty them; gives the end.
  (func (export "drain") (param $at i32) (param $end i32) (param $to i32) (result i32)
    (local $sum v128)
    (block $none (br_if $none (i32.ge_u (local.get $at) (local.get $end))) (loop $next
      (local.set $sum (i32x4.add (i32x4.add (i32x4.add (v128.load (local.get $at))
        (v128.load offset=0x40000 (local.get $at)))
        (v128.load offset=0x80000 (local.get $at)))
        (v128.load offset=0xc0000 (local.get $at))))
      (if (v128.any_true (local.get $sum)) (then
        (v128.store offset=0x0 (local.get $at) (v128.const i32x4 0 0 0 0))
        (v128.store offset=0x40000 (local.get $at) (v128.const i32x4 0 0 0 0))
        (v128.store offset=0x80000 (local.get $at) (v128.const i32x4 0 0 0 0))
        (v128.store offset=0xc0000 (local.get $at) (v128.const i32x4 0 0 0 0))
        ;; The next one stands over it where the bin is empty.
        (i32.store (local.get $to) (local.get $at))
        (i32.store offset=4 (local.get $to) (i32x4.extract_lane 0 (local.get $sum)))
        (local.set $to (i32.add (local.get $to)
          (i32.shl (i32.ne (i32x4.extract_lane 0 (local.get $sum)) (i32.const 0)) (i32.const 3))))
        (i32.store (local.get $to) (i32.add (local.get $at) (i32.const 4)))
        (i32.store offset=4 (local.get $to) (i32x4.extract_lane 1 (local.get $sum)))
        (local.set $to (i32.add (local.get $to)
          (i32.shl (i32.ne (i32x4.extract_lane 1 (local.get $sum)) (i32.const 0)) (i32.const 3))))
        (i32.store (local.get $to) (i32.add (local.get $at) (i32.const 8)))
        (i32.store offset=4 (local.get $to) (i32x4.extract_lane 2 (local.get $sum)))
        (local.set $to (i32.add (local.get $to)
          (i32.shl (i32.ne (i32x4.extract_lane 2 (local.get $sum)) (i32.const 0)) (i32.const 3))))
        (i32.store (local.get $to) (i32.add (local.get $at) (i32.const 12)))
        (i32.store offset=4 (local.get $to) (i32x4.extract_lane 3 (local.get $sum)))
        (local.set $to (i32.add (local.get $to)
          (i32.shl (i32.ne (i32x4.extract_lane 3 (local.get $sum)) (i32.const 0)) (i32.const 3))))
      ))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))
    (local.get $to)))
