import type { Cataloger } from '../../cataloger.ts'
import { alpm } from './alpm.ts'
import { apk } from './apk.ts'
import { apple } from './apple.ts'
import { chisel } from './chisel.ts'
import { dpkg } from './dpkg.ts'
import { homebrew } from './homebrew.ts'
import { kernel } from './kernel.ts'
import { nix } from './nix.ts'
import { opkg } from './opkg.ts'
import { portage } from './portage.ts'
import { remains } from './remains.ts'
import { rpm } from './rpm.ts'
import { slackware } from './slackware.ts'
import { snap } from './snap.ts'
import { unread } from './unread.ts'

/** Catalogers of operating systems: what their package managers installed, and kernels. */
export const systemCatalogers: readonly Cataloger[] = [
  alpm,
  apk,
  apple,
  chisel,
  dpkg,
  homebrew,
  kernel,
  nix,
  opkg,
  portage,
  remains,
  rpm,
  slackware,
  snap,
  unread,
]
