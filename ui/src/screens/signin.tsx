// SPDX-License-Identifier: Apache-2.0
// Signing in, and the first time: a link with a one-time token after the #, which no server log ever sees.
import { useEffect, useRef, useState } from "preact/hooks";
import { session, signIn, setUp, whoAmI, ApiError } from "../api";
import { place, go, href } from "../router";
import { Field, Icon, Logo, valueOf } from "../ui";

const MIN_PASSWORD = 10;

export function SignIn() {
	const [user, setUser] = useState("");
	const [password, setPassword] = useState("");
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState("");
	const passwordRef = useRef<HTMLInputElement>(null);
	const submit = async (e: Event): Promise<void> => {
		e.preventDefault();
		if (busy) return;
		setBusy(true);
		setError("");
		try {
			await signIn(user.trim(), password);
		} catch (x) {
			const wrong = x instanceof ApiError && x.status === 401;
			setError(wrong ? "The name or the password is wrong." : x instanceof Error ? x.message : String(x));
			setPassword("");
			passwordRef.current?.focus();
		} finally {
			setBusy(false);
		}
	};
	return (
		<main class="alone" id="main">
			<form class="door" onSubmit={(e) => void submit(e)}>
				<Logo size={40} />
				<h1>Sign in to Quis</h1>
				{error && <div class="note bad" role="alert"><Icon name="broken" /><div>{error}</div></div>}
				<Field label="User name" for="user">
					<input id="user" name="username" autoComplete="username" autoCapitalize="none" spellcheck={false} required autoFocus value={user} onInput={(e) => setUser(valueOf(e))} />
				</Field>
				<Field label="Password" for="password">
					<input id="password" ref={passwordRef} name="password" type="password" autoComplete="current-password" required value={password} onInput={(e) => setPassword(valueOf(e))} />
				</Field>
				<button type="submit" class="primary" disabled={busy} aria-busy={busy}>{busy ? "Signing in…" : "Sign in"}</button>
				<p class="faint">No password yet? Ask whoever runs Quis for your first sign-in link. The <a href="/status">status page</a> needs no sign-in.</p>
			</form>
		</main>
	);
}

export function SetUp() {
	const token = place.value.hash;
	const [user, setUser] = useState("");
	const [password, setPassword] = useState("");
	const [again, setAgain] = useState("");
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState("");
	const [tried, setTried] = useState(false);
	// The token does not belong into the history or onto a screen that somebody shares.
	const kept = useRef(token);
	useEffect(() => {
		if (token) kept.current = token;
	}, [token]);
	const short = password.length > 0 && password.length < MIN_PASSWORD ? `At least ${MIN_PASSWORD} characters, please: a sentence is easy to remember.` : "";
	const differ = again !== "" && again !== password ? "The two are not the same." : "";
	const submit = async (e: Event): Promise<void> => {
		e.preventDefault();
		setTried(true);
		if (busy || short || differ || again !== password) return;
		setBusy(true);
		setError("");
		try {
			await setUp(kept.current, user.trim(), password);
			await whoAmI();
			go(href([]), true);
		} catch (x) {
			const gone = x instanceof ApiError && (x.status === 401 || x.status === 403 || x.status === 404 || x.status === 410);
			setError(gone ? `${x.message} If the link was used before or is too old, ask for a new one.` : x instanceof Error ? x.message : String(x));
		} finally {
			setBusy(false);
		}
	};
	if (!kept.current && !token) {
		return (
			<main class="alone" id="main">
				<div class="door">
					<Logo size={40} />
					<h1>This link is not whole</h1>
					<p>The link for the first sign-in ends with <code>#</code> and a long code. Copy all of it, or ask for a new one.</p>
					<p><a href={href([])}>To the sign-in</a></p>
				</div>
			</main>
		);
	}
	return (
		<main class="alone" id="main">
			<form class="door" onSubmit={(e) => void submit(e)}>
				<Logo size={40} />
				<h1>Welcome to Quis</h1>
				<p>Choose the password with which you will sign in. This link works once.</p>
				{session.value && <div class="note warn"><Icon name="clock" /><div>You are signed in as {session.value.user} already.</div></div>}
				{error && <div class="note bad" role="alert"><Icon name="broken" /><div>{error}</div></div>}
				<Field label="User name" hint="The name that your link was made for; on a new installation, the name of its first administrator." for="user">
					<input id="user" name="username" autoComplete="username" autoCapitalize="none" spellcheck={false} required autoFocus value={user} onInput={(e) => setUser(valueOf(e))} />
				</Field>
				<Field label="Password" hint={`${MIN_PASSWORD} characters or more.`} error={tried || password.length > 4 ? short || undefined : undefined} for="password">
					<input id="password" name="new-password" type="password" autoComplete="new-password" required minLength={MIN_PASSWORD} value={password} onInput={(e) => setPassword(valueOf(e))} />
				</Field>
				<Field label="Once more" error={differ && (tried || again.length >= password.length) ? differ : undefined} for="again">
					<input id="again" name="again" type="password" autoComplete="new-password" required value={again} onInput={(e) => setAgain(valueOf(e))} />
				</Field>
				<button type="submit" class="primary" disabled={busy} aria-busy={busy}>{busy ? "One moment…" : "Set password and sign in"}</button>
			</form>
		</main>
	);
}
